/**
 * The sets in a backup's folder: each backup makes one. A full set begins a chain, an incremental
 * one adds to the set that it names.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupFailed } from './files.ts';
import { type Manifest, readManifest } from './manifest.ts';

const NAME = /^\d{8}T\d{9}Z-(full|incremental)$/;
const NAMES_SHOWN = 20;

export interface BackupSet {
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Sorts by time, also where the clock was set back since the set before.
 *
 * @param before the newest name that exists
 */
export function nameOfSet(kind: Manifest['kind'], now: number, before: string | undefined): string {
  const stamp = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:.]/g, '');
  const taken = before === undefined ? 0 : timeOf(before) + 1;
  return `${stamp(Math.max(now, taken))}-${kind}`;
}

function timeOf(name: string): number {
  const [, date, hours, minutes, seconds, ms] = /^(\d{8})T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(name)!;
  const day = `${date!.slice(0, 4)}-${date!.slice(4, 6)}-${date!.slice(6)}`;
  return Date.parse(`${day}T${hours}:${minutes}:${seconds}.${ms}Z`);
}

/** Names of the complete sets, oldest first; none where the folder is missing. */
export async function listSets(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => NAME.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export async function readSet(dir: string, name: string): Promise<BackupSet> {
  const folder = join(dir, name);
  const manifest = await readManifest(folder);
  if (manifest.name !== name) throw new BackupFailed(`${folder} holds the set ${manifest.name}: name it so`);
  return { folder, manifest };
}

/**
 * A set with all that it adds to, the full one first.
 *
 * @param name left out: the newest
 * @throws BackupFailed when one of them is missing or not what it was
 */
export async function readChain(dir: string, name?: string): Promise<BackupSet[]> {
  const names = await listSets(dir);
  const newest = name ?? names.at(-1);
  if (newest === undefined) throw new BackupFailed(`there is no backup in ${dir}`);
  if (!names.includes(newest))
    throw new BackupFailed(`there is no set ${newest} in ${dir}; there are ${names.slice(-NAMES_SHOWN).join(', ')}`);
  const chain = [await readSet(dir, newest)];
  for (let { base, name: of } = chain[0]!.manifest; base !== null; { base, name: of } = chain[0]!.manifest) {
    if (!names.includes(base.name) || base.name >= of)
      throw new BackupFailed(`${of} adds to the set ${base.name}, which is not in ${dir}: put it back`);
    chain.unshift(await readSet(dir, base.name));
    if (chain[0]!.manifest.sha256 !== base.sha256)
      throw new BackupFailed(`${of} adds to another set of the name ${base.name} than the one in ${dir}`);
  }
  return chain;
}
