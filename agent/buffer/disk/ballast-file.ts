/**
 * Disk space reserved in advance: a file of really written blocks beside the buffer. It is removed
 * when the disk is full, so that the WAL can grow a little and acknowledgements, which free space,
 * can be written. It is written again once there is space.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';

export const BALLAST_BYTES = 256 * 1024;

const pathOf = (path: string): string => `${path}.reserve`;

/** @param path of the buffer */
export const ballastBytes = (path: string): number => statSync(pathOf(path), { throwIfNoEntry: false })?.size ?? 0;

/** @returns whether there was a ballast file */
export function releaseBallast(path: string): boolean {
  try {
    unlinkSync(pathOf(path));
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes the file unless it exists. Any failure, such as a full disk, is tolerated.
 *
 * @returns whether it exists
 */
export function ensureBallast(path: string): boolean {
  if (ballastBytes(path) >= BALLAST_BYTES) return true;
  try {
    const file = openSync(pathOf(path), 'w', 0o600);
    try {
      // Random bytes: a file system cannot compress them.
      const blocks = randomFillSync(Buffer.allocUnsafe(BALLAST_BYTES));
      for (let at = 0; at < blocks.length; ) at += writeSync(file, blocks, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return true;
  } catch {
    releaseBallast(path);
    return false;
  }
}
