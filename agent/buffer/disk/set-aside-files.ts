/**
 * Files that were set aside to be recovered, by their names.
 *
 * `<path>.damaged-<UTC>` and `<path>.migrating-<UTC>`, each with a `-wal`, are still to be
 * recovered. Once recovered, a damaged one is renamed to `<path>.salvaged-<UTC>` and one of an
 * older schema is removed.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Why it was set aside: it is damaged, or an older version wrote it. */
export type SetAsideKind = 'damaged' | 'migrating';

const NAME = /^\.(damaged|migrating)-[0-9TZ]+(-\d+)?$/;
export const kindOf = (name: string): SetAsideKind => (/\.migrating-[^.]*$/.test(name) ? 'migrating' : 'damaged');

export const setAsidePath = (path: string, name: string): string => join(dirname(path), name);

const stamp = (now: number): string => new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');

/** Names of the set-aside files that exist, the oldest first. */
export function setAsideNames(path: string): string[] {
  const own = basename(path);
  const names = readdirSync(dirname(path))
    .filter((name) => name.startsWith(own))
    .map((name) => name.slice(own.length).replace(/-wal$/, ''))
    .filter((rest) => NAME.test(rest));
  return [...new Set(names)].sort(byAge).map((rest) => own + rest);
}

/** By their times, whatever their kinds; those of one second by their numbers. */
function byAge(one: string, other: string): number {
  const [[timeA, numberA], [timeB, numberB]] = [ageOf(one), ageOf(other)];
  return timeA < timeB ? -1 : timeA > timeB ? 1 : numberA - numberB;
}

function ageOf(suffix: string): readonly [time: string, number: number] {
  const [, time = '', number = '1'] = /-([0-9TZ]+)(?:-(\d+))?$/.exec(suffix) ?? [];
  return [time, Number(number)];
}

/**
 * A name that is not in use yet.
 *
 * @param now milliseconds since 1970
 */
export function newSetAsideName(path: string, kind: SetAsideKind, now: number): string {
  const first = `${basename(path)}.${kind}-${stamp(now)}`;
  let name = first;
  for (let next = 2; isTaken(path, name); next++) name = `${first}-${next}`;
  return name;
}

/**
 * Renames a database and its WAL, whichever exists. A crash between the two leaves a WAL without
 * its database, which the next opening finds.
 *
 * @param now milliseconds since 1970
 * @returns the name
 */
export function setAside(path: string, kind: SetAsideKind, now: number): string {
  const name = newSetAsideName(path, kind, now);
  // The database first: a WAL alone is recognised, a database without its WAL would look undamaged.
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, setAsidePath(path, name) + suffix);
  }
  rmSync(`${path}-shm`, { force: true });
  return name;
}

const isTaken = (path: string, name: string): boolean =>
  ['damaged', 'migrating', 'salvaged'].some((kind) => {
    const other = setAsidePath(path, name.replace(/\.(damaged|migrating)-/, `.${kind}-`));
    return existsSync(other) || existsSync(`${other}-wal`);
  });

/** Sets aside a WAL whose database was set aside before the agent was killed. */
export function reuniteWal(path: string): void {
  if (existsSync(path) || !existsSync(`${path}-wal`)) return;
  const last = setAsideNames(path).at(-1);
  if (last !== undefined && !existsSync(`${setAsidePath(path, last)}-wal`)) {
    renameSync(`${path}-wal`, `${setAsidePath(path, last)}-wal`);
  }
}

/** After recovery: removes the files of an older schema, renames damaged ones to `.salvaged-`. */
export function finishSetAside(path: string, name: string): void {
  for (const suffix of ['', '-wal']) {
    const from = setAsidePath(path, name) + suffix;
    if (!existsSync(from)) continue;
    if (kindOf(name) === 'migrating') rmSync(from);
    else renameSync(from, setAsidePath(path, name.replace('.damaged-', '.salvaged-')) + suffix);
  }
}

/**
 * Removes recovered damaged files, the oldest first.
 *
 * @param most how many are kept
 * @returns whether any were removed
 */
export function pruneRecovered(path: string, most: number): boolean {
  const start = `${basename(path)}.salvaged-`;
  const names = readdirSync(dirname(path))
    .filter((name) => name.startsWith(start))
    .map((name) => name.replace(/-wal$/, ''));
  const kept = [...new Set(names)].sort();
  const surplus = kept.slice(0, Math.max(0, kept.length - most));
  for (const name of surplus)
    for (const suffix of ['', '-wal']) rmSync(setAsidePath(path, name) + suffix, { force: true });
  return surplus.length > 0;
}
