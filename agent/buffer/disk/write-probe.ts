/** Asks the system why a disk cannot be written: SQLite says "disk I/O error" for every reason. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { getSystemErrorMessage } from 'node:util';

/** Writes a byte beside the buffer. @returns the system's message; null when it succeeded */
export function probeDisk(path: string): string | null {
  const probe = `${path}.probe`;
  try {
    const file = openSync(probe, 'w', 0o600);
    try {
      writeSync(file, '.');
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return null;
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    return errno === undefined ? (error as Error).message : getSystemErrorMessage(errno);
  } finally {
    remove(probe);
  }
}

function remove(probe: string): void {
  try {
    rmSync(probe, { force: true });
  } catch {
    // The disk's state was the question; a remaining file is overwritten by the next probe.
  }
}
