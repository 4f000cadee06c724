/**
 * How far the recovery of each set-aside file is: table `aside`. The files that exist count,
 * whatever the table says: the database that held the table may be the next one to be damaged.
 */
import assert from 'node:assert/strict';
import type { Database } from 'better-sqlite3';
import { setAsideNames } from '../disk/set-aside-files.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';

/**
 * `ledger`, `pages` and `strays` read all pages; `imported`: all rows are imported; `done`: every
 * seq is accounted for.
 */
export type RecoveryPhase = 'ledger' | 'pages' | 'strays' | 'imported' | 'done';

/** States of docs/recovery.md. A reading phase is saved after each slice. */
const NEXT: Readonly<Record<RecoveryPhase, readonly RecoveryPhase[]>> = {
  ledger: ['ledger', 'pages'],
  pages: ['pages', 'strays', 'imported'],
  strays: ['strays', 'imported'],
  imported: ['imported', 'done'],
  done: ['done'],
};

export interface RecoveryProgress {
  readonly phase: RecoveryPhase;
  /** Of the next page. */
  readonly index: number;
  /** Whether newer events may have been shipped during recovery. */
  readonly isAhead: boolean;
  /** Whether damage was found in it. */
  readonly damaged: boolean;
  /** The side file's marks when it was set aside. */
  readonly marks: readonly HighWaterMark[];
}

export interface SetAsideFile {
  readonly ordinal: number;
  readonly name: string;
  readonly why: string;
  readonly progress: RecoveryProgress;
}

export function listSetAside(db: Database): SetAsideFile[] {
  return db
    .prepare<[], { ordinal: number; name: string; why: string; position: string }>(
      'SELECT ordinal, name, why, position FROM aside ORDER BY ordinal DESC',
    )
    .all()
    .map(({ position, ...aside }) => ({ ...aside, progress: JSON.parse(position) as RecoveryProgress }));
}

/**
 * Adds the set-aside files to the table that it does not have yet.
 *
 * @param added what was set aside just now, even if no file is left of it
 * @param distrust why the others were set aside, if that is known
 * @param marks of the side file
 * @returns all set-aside files, the newest first: newer ones take precedence
 */
export function recordSetAside(
  db: Database,
  path: string,
  added: { readonly name: string; readonly why: string } | null,
  distrust: string | null,
  marks: readonly HighWaterMark[],
): SetAsideFile[] {
  const known = new Set(listSetAside(db).map(({ name }) => name));
  const insert = db.prepare('INSERT OR IGNORE INTO aside (name, why, position) VALUES (?, ?, ?)');
  const begin: RecoveryProgress = { phase: 'ledger', index: 0, isAhead: false, damaged: false, marks };
  const names = setAsideNames(path);
  if (added !== null && !names.includes(added.name)) names.push(added.name);
  for (const name of names.filter((name) => !known.has(name))) {
    insert.run(name, name === added?.name ? added.why : (distrust ?? 'set aside before'), JSON.stringify(begin));
  }
  return listSetAside(db);
}

/** @throws AssertionError when the phase does not follow, or shipping ahead is taken back */
export function saveProgress(
  db: Database,
  { ordinal, progress: before }: SetAsideFile,
  progress: RecoveryProgress,
): void {
  assert(NEXT[before.phase].includes(progress.phase), `${before.phase} -> ${progress.phase}`);
  assert(progress.isAhead || !before.isAhead, 'what was shipped ahead stays so');
  db.prepare('UPDATE aside SET position = ? WHERE ordinal = ?').run(JSON.stringify(progress), ordinal);
}
