/** Why a disk takes nothing, in the system's words: SQLite has "disk I/O error" for whatever it meets. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { getSystemErrorMessage } from 'node:util';

/** Writes a byte beside the buffer, to find out. @returns null when that went well */
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
    // The disk is as it is: that was what to find out.
  }
}
