/** One run: what its steps share, and the row that they make. */
import type { Cooperative, Slices } from '../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import type { Level } from '../../shared/keys.ts';
import type { Logic } from '../aggregation/logic/logic-version.ts';
import { unpackCell } from '../aggregation/message-pack/unpack-cell.ts';
import type { DueMarks } from '../store/due-marks.ts';
import type { EventLog } from '../store/event-log.ts';
import type { Finality } from '../store/finality.ts';
import type { History } from '../store/history/history.ts';
import type { ParkedHours } from '../store/parked-hours.ts';
import type { RollupMeta } from '../store/rollups/rollup.ts';
import type { Rollups } from '../store/rollups/rollups.ts';
import type { SealedHours } from '../store/sealing/sealed-hours.ts';
import type { Attempt, Attempts } from './attempt.ts';

/** What a run needs of the rollups. */
export type RollupStore = Pick<Rollups, 'read' | 'scan' | 'terminals' | 'publish'>;

export interface RecomputeStores {
  readonly log: EventLog;
  readonly rollups: RollupStore;
  readonly history: Pick<History, 'keep' | 'keepNone' | 'setFinal'>;
  readonly finality: Pick<Finality, 'record'>;
  readonly parked: Pick<ParkedHours, 'read' | 'write'>;
  readonly marks: Pick<DueMarks, 'add'>;
  readonly sealed: Pick<SealedHours, 'areSealed' | 'sealOf' | 'isSealed' | 'isClosed' | 'note'>;
}

export interface Due {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Hours or days since 1970. */
  readonly time: number;
  /** Whose events are read again; null: everybody's. */
  readonly terminals: ReadonlySet<TerminalId> | null;
}

/** Null: all terminals. */
export type Terminals = ReadonlySet<TerminalId> | null;
/** Encoded partial aggregates. */
export type Parts = ReadonlyMap<TerminalId, Uint8Array>;

export interface RecomputeOptions extends Partial<Pick<Attempts, 'isStopped' | 'leftNotes'>> {
  /** See `AGGREGATION_LIMITS`. */
  readonly mergeBytes?: number | undefined;
  /** False: no answer has shown rows of the logic version, so what is replaced is not kept. */
  readonly isShown?: boolean;
  /** Whether no cell of the row as it is published is used. */
  readonly isAnew?: boolean;
  /** Other logic versions, whose rows stand for hours that cannot be folded any more. */
  readonly beside?: readonly number[];
}

export interface Run {
  readonly due: Due;
  readonly logic: Logic;
  readonly stores: RecomputeStores;
  readonly now: () => number;
  readonly attempt: Attempt;
  readonly slices: Slices;
  /** Bytes of memory that the merged figures may take. */
  readonly mergeBytes: number;
  readonly options: RecomputeOptions;
  /** Raw rows that arrived then or later are left out, milliseconds since 1970; null: none. */
  readonly sealedAt: number | null;
  /** Hours that it has computed anew, because a cell of theirs could not be read. */
  readonly repaired: Set<number>;
}

/** What is published, but for the times and what it replaces. */
export interface RowContent {
  readonly meta: Omit<RollupMeta, 'readAt' | 'allReadAt' | 'publishedAt' | 'since' | 'change'>;
  /** Those of the run; the others stay. */
  readonly parts: Parts;
  readonly views: ReadonlyMap<string, Uint8Array>;
  /** The partial that the views are of, if it is the only one: they are not stored. */
  readonly sole?: Uint8Array;
}

/** A cell of an hour's row cannot be read: it counts as absent, and the hour is computed again. */
export class UnreadableCell extends Error {
  override readonly name = 'UnreadableCell';
  /** Hours since 1970. */
  readonly hour: number;

  constructor(hour: number, cause: unknown) {
    super(`a cell of the rollup of hour ${hour} can't be read`, { cause });
    this.hour = hour;
  }
}

/** Another run has published the row since it was read. */
export class RowChanged extends Error {
  override readonly name = 'RowChanged';
}

/** @throws UnreadableCell */
export async function readCell<T>(
  { slices }: Run,
  hour: number,
  cell: Uint8Array,
  read: (content: Uint8Array) => Cooperative<T>,
): Promise<T> {
  try {
    return await slices.run(read(await unpackCell(cell)));
  } catch (error) {
    throw new UnreadableCell(hour, error);
  }
}

/**
 * @param terminal null: the whole hour or day
 * @returns null when it was parked instead
 */
export async function orPark<T>(
  attempt: Attempt,
  terminal: TerminalId | null,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!attempt.park(terminal, error)) throw error;
    return null;
  }
}
