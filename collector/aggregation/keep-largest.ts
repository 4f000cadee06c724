/**
 * Which values of an hour are published when there are too many: in each dimension the n values of
 * the largest amount and the n of the largest number, in each currency; n is the largest number
 * with which the cell fits. All others count under `OTHER`. Of equal values the larger in the other
 * respect comes first, then the shorter name, then the lower. So it depends on the figures alone,
 * and is the same before and after a roll-up.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { SLOTS_PER_HOUR } from '../../shared/time.ts';
import { Cube, type GroupKey, nameOf, OTHER, packedBytes } from './cube.ts';
import { AGGREGATION_LIMITS } from './limits.ts';
import { addExact, compareExact, type ExactInt } from './logic/exact-sum.ts';
import { sortCooperatively } from './sort-cooperatively.ts';

export interface Bound {
  /** Groups. */
  readonly groups: number;
  /** In a cell, see `Cube.packedBytes`. */
  readonly bytes: number;
}

export const ARTICLES_BOUND: Bound = {
  groups: AGGREGATION_LIMITS.articles.value,
  bytes: AGGREGATION_LIMITS.cubeBytes.value,
};
export const VIEW_BOUND: Bound = {
  groups: AGGREGATION_LIMITS.viewGroups.value,
  bytes: AGGREGATION_LIMITS.cubeBytes.value,
};

const GROUPS_PER_YIELD = 256;

/** A value's place in its dimension, from 0; values that are never folded have none. */
type Ranks = ReadonlyMap<string | null, number>;

interface Weight {
  amount: ExactInt;
  number: ExactInt;
}

/**
 * The cube, or one with what fits, which shares its measures: read it before the cube is added to.
 *
 * @param cube of one hour
 */
export function* keepLargest<M>(cube: Cube<M>, bound: Bound): Cooperative<Cube<M>> {
  const fits = cube.size <= bound.groups && cube.packedBytes <= bound.bytes;
  if (fits && cube.thinned === 0) return cube;
  const ranks = yield* ranksOf(cube);
  let low = 0;
  let high = Math.max(...ranks.map(({ size }) => size));
  while (!fits && low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (yield* doesFit(cube, ranks, middle, bound)) low = middle;
    else high = middle - 1;
  }
  return yield* foldBeyond(cube, ranks, fits ? high : low);
}

/** Place by place of the key. */
function* ranksOf<M>(cube: Cube<M>): Cooperative<Ranks[]> {
  const ranks: Ranks[] = [];
  const currencyAt = cube.keys.indexOf('currency');
  for (const [place, name] of cube.keys.entries()) {
    const currencies = new Map<string | null, Map<string | null, Weight>>();
    let passed = 0;
    for (const { key, slots } of cube.groups()) {
      if (++passed % GROUPS_PER_YIELD === 0) yield;
      const value = key[place]!;
      if (value === OTHER || cube.measuring.isKept(name, value)) continue;
      const weights = entryOf(currencies, key[currencyAt]!, () => new Map<string | null, Weight>());
      const weight = entryOf(weights, value, () => ({ amount: 0, number: 0 }));
      for (const measures of slots.values()) {
        const { amount, number } = cube.measuring.weightOf(key, measures);
        weight.amount = addExact(weight.amount, amount);
        weight.number = addExact(weight.number, number);
      }
    }
    ranks.push(yield* bestRanks(currencies.values()));
  }
  return ranks;
}

/** The best of a value's places: by amount and by number, in each currency. */
function* bestRanks(currencies: Iterable<ReadonlyMap<string | null, Weight>>): Cooperative<Ranks> {
  const ranks = new Map<string | null, number>();
  for (const weights of currencies) {
    const values = yield* valuesOf(weights);
    for (const [first, second] of [
      ['amount', 'number'],
      ['number', 'amount'],
    ] as const) {
      const sorted = yield* sortCooperatively(
        values,
        (a, b) => compareExact(b[first], a[first]) || compareExact(b[second], a[second]) || (a.name < b.name ? -1 : 1),
      );
      for (const [at, { value }] of sorted.entries()) {
        if (at % GROUPS_PER_YIELD === GROUPS_PER_YIELD - 1) yield;
        ranks.set(value, Math.min(at, ranks.get(value) ?? at));
      }
    }
  }
  return ranks;
}

interface Value extends Weight {
  readonly value: string | null;
  readonly name: string;
}

/** With the sizes of their sums. */
function* valuesOf(weights: ReadonlyMap<string | null, Weight>): Cooperative<Value[]> {
  const values: Value[] = [];
  for (const [value, { amount, number }] of weights) {
    const size = { amount: sizeOf(amount), number: sizeOf(number) };
    if (values.push({ value, name: nameOf([value]), ...size }) % GROUPS_PER_YIELD === 0) yield;
  }
  return values;
}

function* doesFit<M>(cube: Cube<M>, ranks: readonly Ranks[], kept: number, bound: Bound): Cooperative<boolean> {
  /** The slots of each group that is left, a bit each. */
  const groups = new Map<string, number>();
  let [nameLengths, passed] = [0, 0];
  for (const { key, slots } of cube.groups()) {
    if (++passed % GROUPS_PER_YIELD === 0) yield;
    const name = nameOf(keptOf(key, ranks, kept));
    const before = groups.get(name);
    if (before === undefined) nameLengths += name.length;
    let bits = before ?? 0;
    for (const slot of slots.keys()) bits |= 1 << (slot & 3);
    groups.set(name, bits);
    if (groups.size > bound.groups) return false;
  }
  let entries = 0;
  for (const bits of groups.values()) entries += (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1) + (bits >> 3);
  return packedBytes(groups.size, nameLengths, entries, cube.measuring.packedBytes) <= bound.bytes;
}

function keptOf(key: GroupKey, ranks: readonly Ranks[], kept: number): GroupKey {
  return key.map((value, place) => ((ranks[place]!.get(value) ?? -1) < kept ? value : OTHER));
}

function* foldBeyond<M>(cube: Cube<M>, ranks: readonly Ranks[], kept: number): Cooperative<Cube<M>> {
  const { keys, measuring } = cube;
  const into = new Cube<M>(keys, measuring);
  let hour = 0;
  let passed = 0;
  for (const { key, slots } of cube.groups()) {
    if (++passed % GROUPS_PER_YIELD === 0) yield;
    const to = keptOf(key, ranks, kept);
    for (const [slot, measures] of slots) {
      hour = Math.floor(slot / SLOTS_PER_HOUR);
      // A group that others may be added to has measures of its own.
      if (to.includes(OTHER)) {
        const grown = measuring.merge(into.at(to, slot), measures);
        into.bytes += grown;
      } else {
        into.at(to, slot, () => measures);
        into.bytes += measuring.bytes(measures);
      }
    }
  }
  for (const folded of cube.folded) into.folded.add(folded);
  const dimensions = keys.filter((key) => key !== 'type' && key !== 'currency').length;
  for (const [place, dimension] of keys.entries()) {
    if (dimension === 'currency') continue;
    const { thinned } = cube;
    const values = thinned + [...ranks[place]!.values()].filter((rank) => rank >= kept).length;
    // Thinning folds whole groups: of a value that is kept, some may be among them.
    const isPartial = thinned > 0 && (dimensions > 1 || dimension === 'type');
    if (values > 0) into.folded.add({ dimension, hour, values, isPartial });
  }
  return into;
}

/**
 * Whether cubes, merged by fewer keys, fit a bound for certain, so that nothing of them would be
 * folded.
 */
export function* fitTogether<M>(cubes: Iterable<Cube<M>>, keys: readonly string[], bound: Bound): Cooperative<boolean> {
  const names = new Set<string>();
  let [nameLengths, passed] = [0, 0];
  for (const cube of cubes) {
    if (cube.folded.size > 0) return false;
    const places = keys.map((key) => cube.keys.indexOf(key));
    for (const { key } of cube.groups()) {
      if (++passed % GROUPS_PER_YIELD === 0) yield;
      const name = nameOf(places.map((place) => key[place] ?? null));
      if (names.has(name)) continue;
      names.add(name);
      nameLengths += name.length;
      const ofEntry = 4 * cube.measuring.packedBytes;
      if (names.size > bound.groups || packedBytes(names.size, nameLengths, names.size, ofEntry) > bound.bytes)
        return false;
    }
  }
  return true;
}

function entryOf<K, V>(map: Map<K, V>, key: K, none: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = none();
    map.set(key, found);
  }
  return found;
}

const sizeOf = (value: ExactInt): ExactInt => (value < 0 ? -value : value);
