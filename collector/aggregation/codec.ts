/**
 * Encodes partial aggregates, views and article tables: columns in MessagePack, compressed with
 * zstd. Slots are relative to `base`, the first slot of the row's hour or day. Tickets, customers
 * and the articles of a partial aggregate are packed separately, so a reader that does not need
 * them does not decode them.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { SLOTS_PER_HOUR } from '../../shared/time.ts';
import type { Cube, GroupKey } from './cube.ts';
import { digestText } from './hashes/row-set-digest.ts';
import type { ExactInt } from './logic/exact-sum.ts';
import type { ItemMeasures, Measures } from './measures.ts';
import { packCell } from './message-pack/pack-cell.ts';
import { packCooperatively } from './message-pack/pack-cooperatively.ts';
import { MessagePackWriter } from './message-pack/writer.ts';
import { writeCustomers, writeTickets } from './packed-sketches.ts';
import type { PartialAggregate, Tally } from './partial.ts';

export const FORMAT = 1;
/** Values handled between two turns of the event loop; a sketch holds up to a thousand. */
const NUMBERS_A_TURN = 4_096;
const SKETCHES_A_TURN = 8;

/** Which of the expensive measures a reader wants. */
export interface SketchSelection {
  readonly tickets: boolean;
  readonly customers: boolean;
}
export const ALL_MEASURES: SketchSelection = { tickets: true, customers: true };

/** Decimal text outside the safe integers, because MessagePack's integers end at 64 bits. */
const packExact = (value: ExactInt): number | string => (typeof value === 'bigint' ? value.toString() : value);

interface Packed {
  readonly keys: readonly string[];
  readonly groups: readonly GroupKey[];
  /** Index into `groups`, one entry per group and slot; the columns below are parallel to it. */
  readonly group: readonly number[];
  readonly slot: readonly number[];
  /** How many values count under `(other)`. */
  readonly overflow: number;
  /** Which ones, where there are any. */
  readonly folded?: readonly PackedFolded[];
}

/** `place` is that of the dimension among the keys, `hour` the hour of the row, from 0. */
export type PackedFolded = readonly [place: number, hour: number, values: number, isPartial: boolean];

interface PackedFigures extends Packed {
  readonly count: readonly number[];
  readonly amount: readonly (number | string)[];
  readonly quantity: readonly (number | string)[];
  readonly tickets: Uint8Array;
  readonly customers: Uint8Array;
}

interface PackedArticles extends Packed {
  readonly quantity: readonly (number | string)[];
  readonly amount: readonly (number | string)[];
}

function* entries<M>(cube: Cube<M>, base: number): Cooperative<{ packed: Packed; measures: M[] }> {
  const groups: GroupKey[] = [];
  const group: number[] = [];
  const slot: number[] = [];
  const measures: M[] = [];
  for (const { key, slots } of cube.groups()) {
    const index = groups.push(key) - 1;
    for (const [at, of] of slots) {
      group.push(index);
      slot.push(at - base);
      measures.push(of);
    }
    yield;
  }
  const overflow = cube.folded.total;
  const folded = overflow > 0 && { folded: packFolded(cube, base) };
  return { packed: { keys: cube.keys, groups, group, slot, overflow, ...folded }, measures };
}

const packFolded = <M>({ keys, folded }: Cube<M>, base: number): PackedFolded[] =>
  [...folded].map(({ dimension, hour, values, isPartial }) => [
    keys.indexOf(dimension),
    hour - base / SLOTS_PER_HOUR,
    values,
    isPartial,
  ]);

/** What `as` makes of each measure. */
function* column<M, V>(measures: readonly M[], as: (of: M) => V): Cooperative<V[]> {
  const values: V[] = [];
  for (const of of measures) if (values.push(as(of)) % NUMBERS_A_TURN === 0) yield;
  return values;
}

/** A column of sketches, packed by itself. */
function* sketches<M>(
  measures: readonly M[],
  write: (writer: MessagePackWriter, of: M) => void,
): Cooperative<Uint8Array> {
  const writer = new MessagePackWriter();
  writer.array(measures.length);
  for (let at = 0; at < measures.length; at++) {
    write(writer, measures[at]!);
    if (at % SKETCHES_A_TURN === SKETCHES_A_TURN - 1) yield;
  }
  return writer.written();
}

function* packFigures(cube: Cube<Measures>, base: number): Cooperative<PackedFigures> {
  const { packed, measures } = yield* entries(cube, base);
  return {
    ...packed,
    count: yield* column(measures, ({ count }) => count),
    amount: yield* column(measures, ({ amount }) => packExact(amount)),
    quantity: yield* column(measures, ({ quantity }) => packExact(quantity)),
    tickets: yield* sketches(measures, writeTickets),
    customers: yield* sketches(measures, writeCustomers),
  };
}

function* packArticles(cube: Cube<ItemMeasures>, base: number): Cooperative<PackedArticles> {
  const { packed, measures } = yield* entries(cube, base);
  return {
    ...packed,
    quantity: yield* column(measures, ({ quantity }) => packExact(quantity)),
    amount: yield* column(measures, ({ amount }) => packExact(amount)),
  };
}

function* compress(content: readonly unknown[]): Cooperative<Uint8Array> {
  return yield* packCell(yield* packCooperatively([FORMAT, ...content]));
}

/** A view's content, not compressed. */
export function* packView(cube: Cube<Measures>, base: number): Cooperative<Uint8Array> {
  return yield* packCooperatively([FORMAT, yield* packFigures(cube, base)]);
}

export interface PackedTally extends Omit<Tally, 'digest'> {
  readonly digest: string;
}

/** @param base first slot of the row's hour or day, since 1970 */
export function* encodePartial(part: PartialAggregate, base: number): Cooperative<Uint8Array> {
  return yield* compress([
    { ...part.tally, digest: digestText(part.tally.digest) },
    yield* packFigures(part.figures, base),
    yield* packCooperatively(yield* packArticles(part.articles, base)),
  ]);
}

export function* encodeView(cube: Cube<Measures>, base: number): Cooperative<Uint8Array> {
  return yield* packCell(yield* packView(cube, base));
}

export function* encodeArticles(cube: Cube<ItemMeasures>, base: number): Cooperative<Uint8Array> {
  return yield* compress([yield* packArticles(cube, base)]);
}
