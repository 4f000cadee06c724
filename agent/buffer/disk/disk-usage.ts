/** Sizes of a buffer's files, and what their file system has left. */
import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import { walBytes } from './wal-file.ts';

const MAX_MIN_FREE_BYTES = 64 * 1024 * 1024;

export interface DiskUsage {
  /** In use in the database file. */
  readonly used: number;
  /** Size of the database file. */
  readonly file: number;
  readonly wal: number;
}

export function usageOf(db: Database, path: string): DiskUsage {
  const page = db.pragma('page_size', { simple: true }) as number;
  const pages = db.pragma('page_count', { simple: true }) as number;
  const free = db.pragma('freelist_count', { simple: true }) as number;
  return { used: (pages - free) * page, file: pages * page, wal: walBytes(path) };
}

/** The lesser of 64 MiB and 5 % of the file system that the file lies in. */
export function defaultMinFreeBytes(path: string): number {
  const { blocks, bsize } = statfsSync(dirname(resolve(path)));
  return Math.min(MAX_MIN_FREE_BYTES, Math.floor(blocks * bsize * 0.05));
}

/** What the file system that the file lies in has left for this process. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(resolve(path)));
  return bavail * bsize;
}
