/** Estimates how much a transaction adds to the database file and to the WAL. Pure. */

export const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;
/** WAL frames have headers, and a commit rewrites whole pages. */
const WAL_FACTOR = 1.25;
/** Pages that a commit touches whatever its size: index leaves, counters. */
const WAL_FIXED_BYTES = 64 * 1024;
/** WAL bytes of an evicted row: its share of the rewritten pages. */
const WAL_EVICTED_BYTES = 64;
const FILE_FACTOR = 1.25;
const FILE_FIXED_BYTES = 16 * 1024;

/** What a transaction has stored and evicted so far. */
export interface Spent {
  /** Bytes of the requests stored. */
  readonly bytes: number;
  /** Rows evicted. */
  readonly evicted: number;
}

export const NOTHING: Spent = { bytes: 0, evicted: 0 };

const within = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value));

/** Pages in the WAL at which SQLite checkpoints it. */
export const checkpointPages = (maxBytes: number): number =>
  Math.floor(within(MIB, maxBytes / 16, 4 * MIB) / PAGE_BYTES);

/**
 * What the database file leaves to the WAL: two checkpoints, and a transaction that settles some
 * thousand events.
 */
export const walReserve = (maxBytes: number): number => within(2 * MIB, maxBytes / 8, 16 * MIB);

/** What a transaction adds to the WAL at most. */
export const walGrowth = ({ bytes, evicted }: Spent): number =>
  bytes * WAL_FACTOR + WAL_FIXED_BYTES + evicted * WAL_EVICTED_BYTES;

/**
 * What storing so many bytes adds to the file at most: pages are filled in part, and indexes grow.
 */
export const fileGrowth = (bytes: number): number => (bytes === 0 ? 0 : bytes * FILE_FACTOR + FILE_FIXED_BYTES);
