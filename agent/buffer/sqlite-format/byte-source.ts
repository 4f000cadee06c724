/** Random access to a file that may be damaged: bytes that cannot be read are zeros. */
import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /**
   * `length` bytes from `offset` on; zeros beyond the end and where the disk fails. Never throws.
   */
  read(offset: number, length: number): Buffer;
}

export const NO_BYTES: ByteSource = { size: 0, read: (_, length) => Buffer.alloc(length) };

export interface OpenByteSource extends ByteSource {
  close(): void;
}

/** After a failed read each sector is tried alone: a disk may have single bad sectors. */
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
