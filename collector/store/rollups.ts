/**
 * Published figures: one row per hour or day of a merchant, with a revision, meta, one cell per
 * terminal (its partial aggregate) and merged views. `collector/aggregation/` defines the cells'
 * content; here they are bytes.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { type Level, parseRollupKey, prefixEnd, rollupKey, terminalsPrefix } from '../../shared/keys.ts';
import { DAY_MS, HOUR_MS } from '../../shared/time.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Columns, Row, Tables } from './tables.ts';

const REVISION: Column = 'm:revision';
export const META: Column = 'm:meta';

export interface RollupKey {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Logic version. */
  readonly logic: number;
  /** Hours or days since 1970. */
  readonly time: number;
}

/** Sums over all terminals of the row. */
export interface RollupMeta {
  /** When the run began to read, milliseconds since 1970: everything stored by then is included. */
  readonly readAt: number;
  /** When this revision was published, milliseconds since 1970. */
  readonly publishedAt: number;
  /** Number of raw rows folded, and the order-independent digest of their keys (16 hex digits). */
  readonly rows: number;
  readonly digest: string;
  /** Arrival of the oldest of them, milliseconds since 1970. */
  readonly earliestArrival: number | null;
  readonly events: number;
  readonly conflicts: number;
  readonly lost: number;
  /** How many values the views count under `(other)`, each view's and hour's counted for itself. */
  readonly overflow: number;
  /**
   * Views, or `parts`, that would take more than a cell may: what was stored of them before is not
   * to be read, but the hours, or the raw log. Absent where there is none.
   */
  readonly omitted?: readonly string[];
  /** `readAt` of the last run that made all terminals' parts, not only those of its due marks. */
  readonly allReadAt: number;
  /**
   * When the figures became as they are, milliseconds since 1970: `publishedAt` of the first
   * revision that had them. Absent in rows of before there was a history.
   */
  readonly since?: number;
  /** How they differ from those that answers showed before; absent if there were none. */
  readonly change?: FiguresChange;
  /** Of a sealed hour whose raw rows have expired: the logic version whose partials these are. */
  readonly keptFrom?: number;
}

/**
 * Stands for a meta that cannot be read. Its run counts as older than the hour or day, so that no
 * reader uses the row, and the next run makes all of it.
 */
export const UNREADABLE_META: RollupMeta = {
  ...{ readAt: 0, publishedAt: 0, rows: 0, digest: '0000000000000000', earliestArrival: null },
  ...{ events: 0, conflicts: 0, lost: 0, overflow: 0, allReadAt: 0 },
};

export type ChangeReason = 'late' | 'loss' | 'correction';

/** What the replacement of a published row changed; the row is in `history`. */
export interface FiguresChange {
  readonly reason: ChangeReason;
  /** Whether the hour was known to be final when it was published; see `History.setFinal`. */
  readonly wasFinal: boolean;
  /** Terminals whose partial aggregates the row before lacked. */
  readonly added: readonly TerminalId[];
  /** Of an hour the sums that changed. */
  readonly changes: Changes;
}

/**
 * Old and new value of each sum, by its name; null: it could not be read. Minor units, and
 * thousandths of pieces; decimal text outside the safe integers.
 */
export type Changes = Readonly<Record<string, readonly [before: PackedSum | null, after: PackedSum]>>;
export type PackedSum = number | string;

/** When the figures became as they are, milliseconds since 1970. */
export const sinceOf = ({ since, publishedAt }: RollupMeta): number => since ?? publishedAt;

export interface Rollup extends RollupKey {
  /** 1 for the first publication. */
  readonly revision: number;
  readonly meta: RollupMeta;
  readonly parts: ReadonlyMap<TerminalId, Uint8Array>;
  readonly views: ReadonlyMap<string, Uint8Array>;
}

/**
 * Whether the run behind a row began to read after the hour or day had ended. An earlier run
 * (caused by an event stamped ahead of time) covers less than the raw log does once the hour runs.
 */
export const readAfterEnd = ({ level, time, meta }: Pick<Rollup, 'level' | 'time' | 'meta'>): boolean =>
  meta.readAt >= (time + 1) * LENGTH_MS[level];

/**
 * Whether a reader may use the row for the whole of its hour or day. A run whose clock was ahead,
 * and was corrected since, claims to have read after the end when it did not. Until its due marks
 * have corrected the row, a day after the end at the latest, the raw log is more complete.
 *
 * @param now the reader's clock, milliseconds since 1970
 */
export const isWhole = (row: Pick<Rollup, 'level' | 'time' | 'meta'>, now: number): boolean =>
  readAfterEnd(row) && (row.meta.readAt <= now || (row.time + 1) * LENGTH_MS[row.level] + DAY_MS < now);

const LENGTH_MS: Readonly<Record<Level, number>> = { hour: HOUR_MS, day: DAY_MS };

/** A usual view of a day, some 2 KiB, and room for one with many groups. */
const SMALL_VIEW_BYTES = 8 * 1024;

/** Which cells to read in addition to the meta. */
export type Cells =
  | { readonly kind: 'meta' }
  /** Partial aggregates of some terminals, or of all. */
  | { readonly kind: 'parts'; readonly terminals?: readonly TerminalId[] }
  | { readonly kind: 'view'; readonly name: string }
  /** All views, and partial aggregates of some terminals, or of all. */
  | { readonly kind: 'all'; readonly terminals?: readonly TerminalId[] };

/** Whether a row has the cells. */
export const hasCells = ({ meta, views }: Rollup, cells: Cells): boolean => {
  const omitted = meta.omitted ?? [];
  return cells.kind === 'view' ? views.has(cells.name) && !omitted.includes(cells.name) : !omitted.includes(PARTS);
};

/** Stands for the partial aggregates in `omitted`. */
export const PARTS = 'parts';

export class Rollups {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The row; with all its partial aggregates, without views, unless `cells` says otherwise. */
  async read(key: RollupKey, cells: Cells = { kind: 'parts' }): Promise<Rollup | null> {
    const [found] = await this.readAll([key], cells);
    return found ?? null;
  }

  /** The rows in the same order; a missing row is null. */
  async readAll(keys: readonly RollupKey[], cells: Cells): Promise<(Rollup | null)[]> {
    const rows = keys.map(({ merchant, level, logic, time }) => rollupKey(merchant, level, logic, time));
    const found = await this.#tables.get('rollups', rows, columnsOf(cells));
    return found.map((row) => (row === null ? null : rollup(row.row, row.cells)));
  }

  /** Rows of a half-open range of hours or days, in order of time. */
  async *scan(
    merchant: MerchantId,
    level: Level,
    logic: number,
    from: number,
    to: number,
    cells: Cells,
    limit = Number.POSITIVE_INFINITY,
  ): AsyncIterable<Rollup> {
    if (from >= to) return;
    const range = { start: rollupKey(merchant, level, logic, from), stop: rollupKey(merchant, level, logic, to) };
    for await (const row of this.#tables.scan('rollups', { ...range, columns: columnsOf(cells), limit }))
      yield rollup(row.row, row.cells);
  }

  /** Rows of a half-open range of hours, then those of one of days, in order of time: one scan. */
  async *scanDays(
    merchant: MerchantId,
    logic: number,
    days: { readonly from: number; readonly to: number },
    hours: { readonly from: number; readonly to: number },
    cells: Cells,
  ): AsyncIterable<Rollup> {
    const part = (level: Level, { from, to }: { readonly from: number; readonly to: number }) => ({
      start: rollupKey(merchant, level, logic, from),
      stop: rollupKey(merchant, level, logic, to),
    });
    const within = [part('hour', hours), part('day', days)];
    const range = { start: within[0]!.start, stop: within[1]!.stop, within, columns: columnsOf(cells) };
    // A month by the day, with a day's hours.
    const small = cells.kind === 'view' && cells.name !== 'articles' ? { rowBytes: SMALL_VIEW_BYTES } : {};
    for await (const row of this.#tables.scan('rollups', { ...range, ...small })) yield rollup(row.row, row.cells);
  }

  /**
   * Merchants with any row, in the order of their keys: one key read a merchant.
   *
   * @param salts half-open; with `after` only those behind that one
   */
  async *merchants(salts: readonly [number, number] = [0, 256], after: MerchantId | null = null) {
    const stop = salts[1] > 0xff ? Buffer.of(0xff, 0xff) : Buffer.of(salts[1]);
    for (let start = after === null ? Buffer.of(salts[0]) : prefixEnd(terminalsPrefix(after)); ; ) {
      const range = { start, stop, keysOnly: true, limit: 1 };
      const [first] = await Array.fromAsync(this.#tables.scan('rollups', range));
      if (first === undefined) return;
      const { merchant } = parseRollupKey(first.row);
      yield merchant;
      start = prefixEnd(terminalsPrefix(merchant));
    }
  }

  /**
   * Publishes the next revision if `expected` is still the last one (null: there is none). Partial
   * aggregates that are not given stay.
   *
   * @returns false when another run was faster: read again, fold again
   */
  publish(
    key: RollupKey,
    expected: number | null,
    next: { meta: RollupMeta; parts: ReadonlyMap<TerminalId, Uint8Array>; views: ReadonlyMap<string, Uint8Array> },
  ): Promise<boolean> {
    const cells = cellsOf({ ...next, revision: (expected ?? 0) + 1 });
    const row = rollupKey(key.merchant, key.level, key.logic, key.time);
    const check = { column: REVISION, expected: expected === null ? null : revisionBytes(expected) };
    return this.#tables.checkAndPut('rollups', check, { row, cells });
  }
}

/** A row's cells. */
export function cellsOf({
  revision,
  meta,
  parts,
  views,
}: Pick<Rollup, 'revision' | 'meta' | 'parts' | 'views'>): Map<Column, Uint8Array> {
  const cells = new Map<Column, Uint8Array>([
    [REVISION, revisionBytes(revision)],
    [META, pack(meta)],
  ]);
  for (const [terminal, bytes] of parts) cells.set(`p:${terminal}`, bytes);
  for (const [name, bytes] of views) cells.set(`v:${name}`, bytes);
  return cells;
}

function revisionBytes(revision: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(revision);
  return bytes;
}

const partsOf = ({ terminals }: { readonly terminals?: readonly TerminalId[] }): Columns =>
  terminals?.map((terminal): Column => `p:${terminal}`) ?? [{ family: 'p' }];

export function columnsOf(cells: Cells): Columns {
  switch (cells.kind) {
    case 'meta':
      return [REVISION, META];
    case 'view':
      return [REVISION, META, `v:${cells.name}`];
    case 'parts':
      return [REVISION, META, ...partsOf(cells)];
    case 'all':
      return [REVISION, META, { family: 'v' }, ...partsOf(cells)];
  }
}

/** The row of a rollup key with these cells. */
export function rollup(rowKey: Uint8Array, cells: Row['cells']): Rollup {
  const parts = new Map<TerminalId, Uint8Array>();
  const views = new Map<string, Uint8Array>();
  for (const [column, bytes] of cells) {
    if (column.startsWith('p:')) parts.set(column.slice(2) as TerminalId, bytes);
    else if (column.startsWith('v:')) views.set(column.slice(2), bytes);
  }
  const revision = Buffer.from(cells.get(REVISION) ?? []).readUInt32BE(0);
  return { ...parseRollupKey(rowKey), revision, meta: metaOf(cells.get(META)), parts, views };
}

const DIGEST = /^[0-9a-f]{16}$/;

function metaOf(cell: Uint8Array | undefined): RollupMeta {
  try {
    const meta = unpack(cell!) as Partial<RollupMeta> | null;
    const { readAt, publishedAt, rows, digest, events, conflicts, lost, allReadAt } = meta ?? {};
    const numbers = [readAt, publishedAt, rows, events, conflicts, lost, allReadAt];
    return DIGEST.test(digest ?? '') && numbers.every(Number.isFinite) ? (meta as RollupMeta) : UNREADABLE_META;
  } catch {
    return UNREADABLE_META;
  }
}
