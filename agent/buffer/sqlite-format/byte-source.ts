/** A file to be read at any offset, whatever became of it: what cannot be read is zeros. */
import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** `length` bytes from `offset` on; zeros where there are none or the disk gives none. Never throws. */
  read(offset: number, length: number): Buffer;
}

export const NO_BYTES: ByteSource = { size: 0, read: (_, length) => Buffer.alloc(length) };

export interface OpenByteSource extends ByteSource {
  close(): void;
}

/** What a disk with bad sectors refuses at once it may give in part. */
const SECTOR_BYTES = 4096;

function readUpTo(fd: number, into: Buffer, offset: number): void {
  for (let at = 0; at < into.length; ) {
    const count = readSync(fd, into, at, into.length - at, offset + at);
    if (count === 0) return;
    at += count;
  }
}

/** Null when there is no such file. @throws when it cannot be opened */
export function openByteSource(path: string): OpenByteSource | null {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return {
    size: fstatSync(fd).size,
    read(offset, length) {
      const bytes = Buffer.alloc(length);
      try {
        readUpTo(fd, bytes, offset);
      } catch {
        for (let at = 0; at < length; at += SECTOR_BYTES) {
          const sector = bytes.subarray(at, at + SECTOR_BYTES);
          try {
            readUpTo(fd, sector, offset + at);
          } catch {
            sector.fill(0);
          }
        }
      }
      return bytes;
    },
    close: () => closeSync(fd),
  };
}
