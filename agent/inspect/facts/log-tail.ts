/** Reads the last lines of an agent's log, from a file or from the systemd journal. */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

const LINES = 400;
const MAX_BYTES = 256 * 1024;

export interface LogTail {
  /** Null: no log was found. */
  readonly source: string | null;
  readonly lines: readonly string[];
}

const lastOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-LINES);

function tail(path: string): string {
  // Reading a pipe would block.
  if (!statSync(path).isFile()) throw new Error(`${path}: is not a file`);
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, MAX_BYTES));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', 0, read);
  } finally {
    closeSync(file);
  }
}

/**
 * @param path null: the unit's journal is read, where there is one
 * @throws Error when the file cannot be read
 */
export function logTail(path: string | null, unit: string): LogTail {
  if (path !== null) return { source: path, lines: lastOf(tail(path)) };
  const { status, stdout } = spawnSync(
    'journalctl',
    ['--unit', unit, '--lines', String(LINES), '--output', 'short-iso', '--no-pager', '--quiet'],
    { encoding: 'utf8', timeout: 10_000, maxBuffer: 8 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const lines = status === 0 ? lastOf(stdout) : [];
  return lines.length > 0 ? { source: `journal of ${unit}`, lines } : { source: null, lines: [] };
}
