/**
 * Encodes partial aggregates, views and article tables: columns in MessagePack, compressed with
 * zstd. Slots are relative to `base`, the first slot of the row's hour or day. Tickets, customers
 * and the articles of a partial aggregate are packed separately, so a reader that does not need
 * them does not decode them.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import { AmountSketch } from './amount-sketch.ts';
import type { Cube, GroupKey } from './cube.ts';
import { DistinctSketch } from './distinct-sketch.ts';
import type { ExactInt } from './exact-sum.ts';
import { MAX_PARTIAL_GROUPS, MAX_VIEW_GROUPS } from './logic-version.ts';
import type { ItemMeasures, Measures } from './measures.ts';
import { articlesCube, figuresCube, type PartialAggregate, type Tally } from './partial.ts';
import { digestText, parseDigest } from './row-set-digest.ts';

export const FORMAT = 1;

/** Which of the expensive measures a reader wants. */
export interface SketchSelection {
  readonly tickets: boolean;
  readonly customers: boolean;
}
export const ALL_MEASURES: SketchSelection = { tickets: true, customers: true };

/** Decimal text outside the safe integers, because MessagePack's integers end at 64 bits. */
const packExact = (value: ExactInt): number | string => (typeof value === 'bigint' ? value.toString() : value);
const unpackExact = (value: number | string): ExactInt => (typeof value === 'string' ? BigInt(value) : value);

type PackedTickets = readonly [exact: boolean, min: number, max: number, counts: readonly number[]] | null;

interface Packed {
  readonly keys: readonly string[];
  readonly groups: readonly GroupKey[];
  /** Index into `groups`, one entry per group and slot; the columns below are parallel to it. */
  readonly group: readonly number[];
  readonly slot: readonly number[];
  readonly overflow: number;
}

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

function entries<M>(cube: Cube<M>, base: number): { packed: Packed; measures: M[] } {
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
  }
  return { packed: { keys: cube.keys, groups, group, slot, overflow: cube.overflow }, measures };
}

function packTickets(tickets: AmountSketch | null): PackedTickets {
  if (tickets === null) return null;
  const { exact, min, max, counts } = tickets.toWire();
  return [exact, min, max, counts];
}

function unpackTickets(packed: PackedTickets): AmountSketch | null {
  if (packed === null) return null;
  const [exact, min, max, counts] = packed;
  return AmountSketch.fromWire({ exact, min, max, counts });
}

function packFigures(cube: Cube<Measures>, base: number): PackedFigures {
  const { packed, measures } = entries(cube, base);
  return {
    ...packed,
    count: measures.map((m) => m.count),
    amount: measures.map((m) => packExact(m.amount)),
    quantity: measures.map((m) => packExact(m.quantity)),
    tickets: pack(measures.map((m) => packTickets(m.tickets))),
    customers: pack(measures.map((m) => m.customers?.toWire() ?? null)),
  };
}

function unpackFigures(
  packed: PackedFigures,
  base: number,
  maxGroups: number,
  wanted: SketchSelection,
): Cube<Measures> {
  const cube = figuresCube(packed.keys, maxGroups);
  const tickets = wanted.tickets ? (unpack(packed.tickets) as PackedTickets[]) : null;
  const customers = wanted.customers ? (unpack(packed.customers) as (number[] | Uint8Array | null)[]) : null;
  packed.group.forEach((index, at) => {
    cube.at(packed.groups[index]!, base + packed.slot[at]!, () => {
      const of = customers?.[at] ?? null;
      return {
        count: packed.count[at]!,
        amount: unpackExact(packed.amount[at]!),
        quantity: unpackExact(packed.quantity[at]!),
        tickets: unpackTickets(tickets?.[at] ?? null),
        customers: of === null ? null : DistinctSketch.fromWire(of),
      };
    });
  });
  cube.overflow = packed.overflow;
  return cube;
}

function packArticles(cube: Cube<ItemMeasures>, base: number): PackedArticles {
  const { packed, measures } = entries(cube, base);
  return {
    ...packed,
    quantity: measures.map((m) => packExact(m.quantity)),
    amount: measures.map((m) => packExact(m.amount)),
  };
}

function unpackArticles(packed: PackedArticles, base: number): Cube<ItemMeasures> {
  const cube = articlesCube();
  packed.group.forEach((index, at) => {
    cube.at(packed.groups[index]!, base + packed.slot[at]!, () => ({
      quantity: unpackExact(packed.quantity[at]!),
      amount: unpackExact(packed.amount[at]!),
    }));
  });
  cube.overflow = packed.overflow;
  return cube;
}

const compress = (content: readonly unknown[]): Uint8Array => zstdCompressSync(pack([FORMAT, ...content]));

function decompress(bytes: Uint8Array): unknown[] {
  const [format, ...content] = unpack(zstdDecompressSync(bytes)) as unknown[];
  if (format !== FORMAT)
    throw new RangeError(`rollup cell of format ${String(format)}; this program reads format ${FORMAT}`);
  return content;
}

interface PackedTally extends Omit<Tally, 'digest'> {
  readonly digest: string;
}

/** @param base first slot of the row's hour or day, since 1970 */
export const encodePartial = (part: PartialAggregate, base: number): Uint8Array =>
  compress([
    { ...part.tally, digest: digestText(part.tally.digest) },
    packFigures(part.figures, base),
    pack(packArticles(part.articles, base)),
  ]);

export function decodePartial(bytes: Uint8Array, base: number): PartialAggregate {
  const [tally, figures, articles] = decompress(bytes) as [PackedTally, PackedFigures, Uint8Array];
  return {
    tally: { ...tally, digest: parseDigest(tally.digest) },
    figures: unpackFigures(figures, base, MAX_PARTIAL_GROUPS, ALL_MEASURES),
    articles: unpackArticles(unpack(articles) as PackedArticles, base),
  };
}

/** The tally of a partial aggregate alone. */
export function decodeTally(bytes: Uint8Array): Tally {
  const [tally] = decompress(bytes) as [PackedTally, PackedFigures, Uint8Array];
  return { ...tally, digest: parseDigest(tally.digest) };
}

/** The figures of a partial aggregate, without its articles. */
export function decodePartialFigures(bytes: Uint8Array, base: number, wanted: SketchSelection): Cube<Measures> {
  const [, figures] = decompress(bytes) as [PackedTally, PackedFigures, Uint8Array];
  return unpackFigures(figures, base, MAX_PARTIAL_GROUPS, wanted);
}

export const encodeView = (cube: Cube<Measures>, base: number): Uint8Array => compress([packFigures(cube, base)]);

export function decodeView(bytes: Uint8Array, base: number, wanted: SketchSelection): Cube<Measures> {
  const [figures] = decompress(bytes) as [PackedFigures];
  return unpackFigures(figures, base, MAX_VIEW_GROUPS, wanted);
}

export const encodeArticles = (cube: Cube<ItemMeasures>, base: number): Uint8Array =>
  compress([packArticles(cube, base)]);

export function decodeArticles(bytes: Uint8Array, base: number): Cube<ItemMeasures> {
  const [articles] = decompress(bytes) as [PackedArticles];
  return unpackArticles(articles, base);
}
