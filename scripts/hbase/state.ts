/**
 * State that outlives the command that started HBase: its ports (kept over a restart) and its
 * processes. One JSON file.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ports } from './ports.ts';

export interface State {
  readonly ports: Ports;
  readonly version: string;
  /** Process ids; null if we have not started it. */
  readonly master: number | null;
  readonly gateway: number | null;
}

export async function readState(dir: string): Promise<State | null> {
  try {
    return JSON.parse(await readFile(join(dir, 'state.json'), 'utf8')) as State;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`${join(dir, 'state.json')} can't be read; remove it and start again`, { cause: fault });
  }
}

export async function writeState(dir: string, state: State): Promise<void> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, 'state.json');
  await writeFile(`${file}.${process.pid}`, `${JSON.stringify(state, null, 2)}\n`);
  await rename(`${file}.${process.pid}`, file);
}
