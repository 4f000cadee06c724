/**
 * Files that were set aside, to be brought over into a fresh database, and how far that is: table `aside`.
 *
 * Names: `<path>.damaged-<UTC>` and `<path>.migrating-<UTC>`, each with a `-wal`, are being brought over, whatever the table says: the
 * database that held it may be the next one to be damaged. Done, a damaged one is renamed to `<path>.salvaged-<UTC>`, and an older schema's
 * is removed.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { HighWaterMark } from '../high-water-mark.ts';

/** Why it is aside: not what was written, or written by an older version. */
export type AsideKind = 'damaged' | 'migrating';

export interface Progress {
  /** `ledger`, `pages`, then `strays`: index of the next page. `imported`: its rows are here. `done`: every seq is accounted for. */
  readonly phase: 'ledger' | 'pages' | 'strays' | 'imported' | 'done';
  readonly index: number;
  /** Whether something may have been shipped meanwhile. */
  readonly isAhead: boolean;
  /** Whether anything in it is not what was written. */
  readonly damaged: boolean;
  /** The side file as it was. */
  readonly marks: readonly HighWaterMark[];
}

export interface Aside {
  readonly ordinal: number;
  readonly name: string;
  readonly why: string;
  readonly progress: Progress;
}

const NAME = /^\.(damaged|migrating)-[0-9TZ]+(-\d+)?$/;
export const kindOf = (name: string): AsideKind => (/\.migrating-[^.]*$/.test(name) ? 'migrating' : 'damaged');

const pathOf = (path: string, name: string): string => join(dirname(path), name);

const stamp = (now: number): string => new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');

/** Names of what is aside, by the files there are; the oldest first. */
export function namesBeside(path: string): string[] {
  const own = basename(path);
  const names = readdirSync(dirname(path))
    .filter((name) => name.startsWith(own))
    .map((name) => name.slice(own.length).replace(/-wal$/, ''))
    .filter((rest) => NAME.test(rest));
  return [...new Set(names)].sort().map((rest) => own + rest);
}

/**
 * A name that is not taken yet.
 *
 * @param now milliseconds since 1970
 */
export function asideName(path: string, kind: AsideKind, now: number): string {
  const first = `${basename(path)}.${kind}-${stamp(now)}`;
  let name = first;
  for (let next = 2; isTaken(path, name); next++) name = `${first}-${next}`;
  return name;
}

/**
 * Renames a database and its log, whichever is there. A crash between the two leaves a log without its database, which the next opening
 * finds.
 *
 * @param now milliseconds since 1970
 * @returns the name
 */
export function setAside(path: string, kind: AsideKind, now: number): string {
  const name = asideName(path, kind, now);
  // The database first: a log alone is taken for what it is, a database without its log would look sound.
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, pathOf(path, name) + suffix);
  }
  rmSync(`${path}-shm`, { force: true });
  return name;
}

const isTaken = (path: string, name: string): boolean =>
  ['damaged', 'migrating', 'salvaged'].some((kind) => {
    const other = pathOf(path, name.replace(/\.(damaged|migrating)-/, `.${kind}-`));
    return existsSync(other) || existsSync(`${other}-wal`);
  });

/** A log whose database was set aside, when the agent was killed before it could follow, follows it now. */
export function reuniteLog(path: string): void {
  if (existsSync(path) || !existsSync(`${path}-wal`)) return;
  const last = namesBeside(path).at(-1);
  if (last !== undefined && !existsSync(`${pathOf(path, last)}-wal`)) {
    renameSync(`${path}-wal`, `${pathOf(path, last)}-wal`);
  }
}

export function listAside(db: Database): Aside[] {
  return db
    .prepare<[], { ordinal: number; name: string; why: string; position: string }>(
      'SELECT ordinal, name, why, position FROM aside ORDER BY ordinal DESC',
    )
    .all()
    .map(({ position, ...aside }) => ({ ...aside, progress: JSON.parse(position) as Progress }));
}

/**
 * Takes into the table what is aside and not in it.
 *
 * @param added what was set aside just now: also where no file was left of it
 * @param distrust why the rest was, if that is known
 * @param marks the side file as it is
 * @returns all of it, the newest first: what is newer is to be believed
 */
export function recordAside(
  db: Database,
  path: string,
  added: { readonly name: string; readonly why: string } | null,
  distrust: string | null,
  marks: readonly HighWaterMark[],
): Aside[] {
  const known = new Set(listAside(db).map(({ name }) => name));
  const insert = db.prepare('INSERT OR IGNORE INTO aside (name, why, position) VALUES (?, ?, ?)');
  const begin: Progress = { phase: 'ledger', index: 0, isAhead: false, damaged: false, marks };
  const names = namesBeside(path);
  if (added !== null && !names.includes(added.name)) names.push(added.name);
  for (const name of names.filter((name) => !known.has(name))) {
    insert.run(name, name === added?.name ? added.why : (distrust ?? 'set aside before'), JSON.stringify(begin));
  }
  return listAside(db);
}

export function saveProgress(db: Database, { ordinal }: Aside, progress: Progress): void {
  db.prepare('UPDATE aside SET position = ? WHERE ordinal = ?').run(JSON.stringify(progress), ordinal);
}

/** Files of something aside that is done: gone, or kept under the name of what is over. */
export function putAway(path: string, name: string): void {
  for (const suffix of ['', '-wal']) {
    const from = pathOf(path, name) + suffix;
    if (!existsSync(from)) continue;
    if (kindOf(name) === 'migrating') rmSync(from);
    else renameSync(from, pathOf(path, name.replace('.damaged-', '.salvaged-')) + suffix);
  }
}

/**
 * Removes what is kept of damaged files, the oldest first.
 *
 * @param most how many are kept
 * @returns whether any went
 */
export function pruneKept(path: string, most: number): boolean {
  const start = `${basename(path)}.salvaged-`;
  const names = readdirSync(dirname(path))
    .filter((name) => name.startsWith(start))
    .map((name) => name.replace(/-wal$/, ''));
  const kept = [...new Set(names)].sort();
  const gone = kept.slice(0, Math.max(0, kept.length - most));
  for (const name of gone) for (const suffix of ['', '-wal']) rmSync(pathOf(path, name) + suffix, { force: true });
  return gone.length > 0;
}

export const asidePath = pathOf;
