/**
 * The store's port: a few sorted, wide tables, as HBase has them and SQLite can emulate.
 *
 * All persistent state of the collector goes through these calls. The meaning of the rows (events,
 * rollups, due marks, terminals, control) is implemented once above this port; an adapter only
 * knows sorted bytes. Both adapters pass one contract suite (`test/contract/`).
 *
 * Invariants of every adapter:
 * - Rows sort by unsigned bytes. A row exists while it has at least one cell.
 * - `put`, `putIfAbsent` and `checkAndPut` resolve only once the write survives a power cut. A
 *   write of several rows is not atomic across rows (after a failure any of them may have been
 *   applied), but the cells of one row are always applied together.
 * - A cell holds one version: the one with the newest `time`; of two with the same time, the one
 *   put last. A `checkAndPut` without a time is never older than the cell that it checked, whatever
 *   happened to the store's clock: a reported success is visible.
 * - In HBase a delete hides a later put of the same key with an older or equal time, so a caller
 *   never deletes a key that it may write again.
 * - A row comes as it was at one moment, but for one of more than some hundred cells of a family:
 *   of cells that are put while it is read, some may be in it and others not.
 * - A call rejects with `StoreUnavailable` when the store cannot be reached or did not answer in
 *   time; the write may or may not have happened. A call never hangs.
 */

export type TableName = 'events' | 'rollups' | 'history' | 'due' | 'terminals' | 'control';

export const TABLES: readonly TableName[] = ['events', 'rollups', 'history', 'due', 'terminals', 'control'];

/**
 * Column name within a table: family letter, ':', qualifier. `FAMILIES` lists each table's
 * families.
 */
export type Column = `${'b' | 'm' | 'p' | 'v'}:${string}`;

/**
 * Column families: `b` raw bytes, `m` meta, `p` partial aggregates (one cell per terminal), `v`
 * merged views.
 */
export const FAMILIES: Readonly<Record<TableName, readonly string[]>> = {
  events: ['b'],
  rollups: ['m', 'p', 'v'],
  history: ['m', 'p', 'v'],
  due: ['b'],
  terminals: ['m'],
  control: ['m'],
};

export interface Put {
  readonly row: Uint8Array;
  readonly cells: ReadonlyMap<Column, Uint8Array>;
  /** Cell time, milliseconds since 1970. Left out: the store's own clock. */
  readonly time?: number;
}

export interface Row {
  readonly row: Uint8Array;
  /** Empty values when only keys were requested. */
  readonly cells: ReadonlyMap<Column, Uint8Array>;
  /** Newest cell time of the cells returned, milliseconds since 1970. */
  readonly time: number;
}

/** Which columns to read: exact names, or a whole family as `{ family }`. Left out: all. */
export type Columns = readonly (Column | { readonly family: 'b' | 'm' | 'p' | 'v' })[];

export interface KeyRange {
  /** First row, inclusive. */
  readonly start: Uint8Array;
  /** End, exclusive. */
  readonly stop: Uint8Array;
}

export interface Scan extends KeyRange {
  /**
   * Only these parts of the range, in order, none of which overlaps another. What lies between them
   * is passed over: many parts are one call, and cost what they hold.
   */
  readonly within?: readonly KeyRange[];
  readonly columns?: Columns;
  /** Row keys and cell times only; values come back empty. */
  readonly keysOnly?: boolean;
  /** Maximum number of rows. */
  readonly limit?: number;
  /**
   * About how large a row is: where they are small, the first page may have more of them. Left out:
   * unknown, so it has few.
   */
  readonly rowBytes?: number;
  /** Only cells of this time or later; a row without any is left out. */
  readonly since?: number;
}

export interface Tables {
  /**
   * How long after its time the store keeps a row of `events` and `history`, milliseconds; null:
   * for ever. A row may be there for a while longer.
   */
  readonly expiresAfterMs: number | null;
  /** Creates what is missing; safe to call again and from several processes. */
  init(): Promise<void>;
  put(table: TableName, puts: readonly Put[]): Promise<void>;
  /**
   * Puts the rows that do not exist and leaves the others as they are, with their times; of a row
   * that is named twice the first one. For rows named by their content, which always have the same
   * columns, and no empty value. A row that is put alone stays once it is there. Where two callers
   * put the same absent row among others at the same moment, either may be the one that stays.
   *
   * @returns which were put, in the same order; of callers at the same moment each may say so
   */
  putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]>;
  /** Which of the rows exist, in the requested order. */
  exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]>;
  /** The rows in the requested order; a missing row is null. */
  get(table: TableName, rows: readonly Uint8Array[], columns?: Columns): Promise<(Row | null)[]>;
  /**
   * Rows in key order. Reads in pages: memory stays bounded by a page (a few MiB), whatever the
   * range.
   */
  scan(table: TableName, scan: Scan): AsyncIterable<Row>;
  /**
   * Puts the row only if `column` now holds exactly `expected` (null: the row has no such cell).
   * All cells of the put are applied together with the check, or none is. False when the check
   * failed. HBase treats an empty cell as absent, so a column that is ever checked for absence
   * never holds an empty value.
   */
  checkAndPut(table: TableName, check: { column: Column; expected: Uint8Array | null }, put: Put): Promise<boolean>;
  /** Removes whole rows; a missing row is fine. */
  delete(table: TableName, rows: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * The store cannot be reached, refused, or did not answer in time. `cause` holds the original
 * error.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}
