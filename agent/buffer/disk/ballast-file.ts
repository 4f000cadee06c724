/**
 * Disk space that is ours in advance: a file of blocks that were really written, beside the buffer. It is given up when the disk is full, so that
 * the log can grow a little and acknowledgements, which make room, can be written; and written again once there is room.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';

export const BALLAST_BYTES = 256 * 1024;

const pathOf = (path: string): string => `${path}.reserve`;

/** @param path of the buffer */
export const ballastBytes = (path: string): number => statSync(pathOf(path), { throwIfNoEntry: false })?.size ?? 0;

/** @returns whether there was any */
export function releaseBallast(path: string): boolean {
  try {
    unlinkSync(pathOf(path));
    return true;
  } catch {
    return false;
  }
}

/** Writes it unless it is there. A disk that is too full for it is as good a reason as any other to do without. @returns whether it is there */
export function ensureBallast(path: string): boolean {
  if (ballastBytes(path) >= BALLAST_BYTES) return true;
  try {
    const file = openSync(pathOf(path), 'w', 0o600);
    try {
      // Nothing that a file system could store in less space.
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
