/**
 * How far the recovery of each set-aside file is: table `aside`. The files that exist count,
 * whatever the table says: the database that held the table may be the next one to be damaged.
 */
import type { Database } from 'better-sqlite3';
import { setAsideNames } from '../disk/set-aside-files.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';

export interface RecoveryProgress {
  /**
   * `ledger`, `pages` and `strays` read all pages; `imported`: all rows are imported; `done`: every
   * seq is accounted for.
   */
  readonly phase: 'ledger' | 'pages' | 'strays' | 'imported' | 'done';
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

export function saveProgress(db: Database, { ordinal }: SetAsideFile, progress: RecoveryProgress): void {
  db.prepare('UPDATE aside SET position = ? WHERE ordinal = ?').run(JSON.stringify(progress), ordinal);
}
