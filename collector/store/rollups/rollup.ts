/**
 * A published row: the figures of an hour or day of a merchant, with a revision, meta, one cell per
 * terminal (its partial aggregate) and merged views. `collector/aggregation/` defines the cells'
 * content; here they are bytes.
 */
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { Level } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';

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
  /** The sole partial, if the row has one: its views are made of it (`sole-cells.ts`). */
  readonly sole?: Uint8Array;
}

/** What is published of a row: `parts` may be some of its terminals. */
export type PublishedCells = Pick<Rollup, 'meta' | 'parts' | 'views' | 'sole'>;

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
