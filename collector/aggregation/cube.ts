/**
 * A sparse table of measures by group and slot. A group is identified by its values of the cube's
 * keys: `type`, `currency` and some dimensions. Slots are counted since 1970.
 *
 * A cube may have a bound on its entries, which bounds memory while it is filled. Beyond it whole
 * values count under `OTHER`: those whose hash lies above a limit, which is halved until the rest
 * fits. So what is kept depends on the groups alone, not on their order. `keep-largest.ts` then
 * chooses by amount what is published.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { FoldedValues } from './folded-values.ts';
import type { ExactInt } from './logic/exact-sum.ts';

/** Stands for the values beyond a bound. */
export const OTHER = '(other)';

/** Bytes of memory of a group without its key's texts, and of plain measures in one slot. */
export const GROUP_BYTES = 256;
const MEASURES_BYTES = 128;
/** Bytes of a group in a cell without its texts, and of each code unit of these. */
const PACKED_GROUP_BYTES = 6;
const PACKED_UNIT_BYTES = 3;

export type GroupKey = readonly (string | null)[];

export interface Group<M> {
  readonly key: GroupKey;
  /** What `nameOf` says of the key. */
  readonly name: string;
  readonly slots: Map<number, M>;
  /** The slot that was asked for last, and its measures: most events come in the order of time. */
  slot: number;
  measures: M | null;
}

/** How a kind of measures adds up, and what of a group stays beyond a bound. */
export interface Measuring<M> {
  readonly none: () => M;
  /** @returns by how many bytes of memory `into` grew */
  readonly merge: (into: M, from: M) => number;
  /** Bytes of memory beyond those of plain measures. */
  readonly bytes: (measures: M) => number;
  /** Bytes of an entry in a cell, about, without sketches. */
  readonly packedBytes: number;
  /** Sales, refunds and currencies are never folded, because they are never added. */
  readonly isKept: (key: string, value: string | null) => boolean;
  /** What values are ranked by, summed over slots and groups. */
  readonly weightOf: (key: GroupKey, measures: M) => { readonly amount: ExactInt; readonly number: ExactInt };
}

/** Unambiguous for any values. */
export function nameOf(key: GroupKey): string {
  let name = '';
  for (const value of key) name += value === null ? '~' : `${value.length}:${value}`;
  return name;
}

/** Bytes in a cell at most, but for sketches and sums beyond 2^53. */
export const packedBytes = (groups: number, nameLengths: number, entries: number, ofEntry: number): number =>
  PACKED_GROUP_BYTES * groups + PACKED_UNIT_BYTES * nameLengths + ofEntry * entries;

const ALL_HASHES = 2 ** 32;

export class Cube<M> {
  /** Names of the key's positions, such as `['type', 'currency', 'store']`. */
  readonly keys: readonly string[];
  readonly measuring: Measuring<M>;
  /** What bounds folded. */
  readonly folded = new FoldedValues();
  readonly #groups = new Map<string, Group<M>>();
  readonly #maxEntries: number;
  /** Places of the values that are hashed. */
  readonly #hashed: readonly number[];
  /** Hashes below it are kept. */
  #limit = ALL_HASHES;
  #entries = 0;
  #nameLengths = 0;
  /** Changes when groups were folded: those that were got before may no longer be in the cube. */
  generation = 0;
  /** Bytes of memory, about: keys and measures. Who changes measures in place adds the change. */
  bytes = 0;

  /** @param maxEntries bound on the number of groups times slots */
  constructor(keys: readonly string[], measuring: Measuring<M>, maxEntries = Number.POSITIVE_INFINITY) {
    this.keys = keys;
    this.measuring = measuring;
    this.#maxEntries = maxEntries;
    const dimensions = keys.filter((key) => key !== 'type' && key !== 'currency');
    this.#hashed = (dimensions.length > 0 ? dimensions : ['type']).map((key) => keys.indexOf(key));
  }

  /** Measures of a group in a slot, created by `none` if there are none yet. */
  at(key: GroupKey, slot: number, none?: () => M): M {
    return this.in(this.group(key), slot, none);
  }

  /** The same of a group that `group` gave since the last change of `generation`. */
  in(group: Group<M>, slot: number, none?: () => M): M {
    if (group.measures !== null && group.slot === slot) return group.measures;
    const found = group.slots.get(slot);
    const measures = found ?? (none ?? this.measuring.none)();
    group.slot = slot;
    group.measures = measures;
    if (found !== undefined) return found;
    group.slots.set(slot, measures);
    this.bytes += MEASURES_BYTES;
    if (++this.#entries <= this.#maxEntries) return measures;
    this.#thin();
    return this.at(group.key, slot, none);
  }

  get size(): number {
    return this.#groups.size;
  }

  groups(): IterableIterator<Group<M>> {
    return this.#groups.values();
  }

  /** Bytes in a cell at most, but for sketches and sums beyond 2^53. */
  get packedBytes(): number {
    return packedBytes(this.size, this.#nameLengths, this.#entries, this.measuring.packedBytes);
  }

  /** How many groups were folded by their hashes, about. */
  get thinned(): number {
    return Math.round(this.size * (ALL_HASHES / this.#limit - 1));
  }

  /** The group that counts for one that is not kept: itself, if it is such a group already. */
  #rest(key: GroupKey): GroupKey {
    return key.map((value, at) => (this.measuring.isKept(this.keys[at]!, value) ? value : OTHER));
  }

  #isThinned(key: GroupKey): boolean {
    return hashOf(this.#hashed.map((at) => key[at]!)) >= this.#limit && nameOf(this.#rest(key)) !== nameOf(key);
  }

  /**
   * The group that counts for a key.
   *
   * @param name of the key, if it is known: to put it together takes longer than to look it up
   */
  group(key: GroupKey, name = nameOf(key)): Group<M> {
    const found = this.#groups.get(name);
    if (found !== undefined) return found;
    if (this.#limit < ALL_HASHES && this.#isThinned(key)) return this.group(this.#rest(key));
    const group: Group<M> = { key: [...key], name, slots: new Map(), slot: 0, measures: null };
    this.#groups.set(name, group);
    this.bytes += GROUP_BYTES + 2 * name.length;
    this.#nameLengths += name.length;
    return group;
  }

  #thin(): void {
    this.generation++;
    while (this.#entries > this.#maxEntries && this.#limit > 1) {
      this.#limit /= 2;
      for (const [name, { key, slots }] of [...this.#groups]) {
        if (!this.#isThinned(key)) continue;
        this.#groups.delete(name);
        this.bytes -= GROUP_BYTES + 2 * name.length;
        this.#nameLengths -= name.length;
        for (const [slot, measures] of slots) this.#toRest(key, slot, measures);
      }
    }
  }

  #toRest(key: GroupKey, slot: number, measures: M): void {
    const { none, merge, bytes } = this.measuring;
    const { slots } = this.group(this.#rest(key));
    const into = slots.get(slot);
    if (into === undefined) slots.set(slot, none());
    else {
      this.#entries--;
      this.bytes -= MEASURES_BYTES;
    }
    this.bytes += merge(slots.get(slot)!, measures) - bytes(measures);
  }
}

/** FNV-1a, with the last mixing of MurmurHash3. */
function hashOf(key: GroupKey): number {
  let hash = 0x811c9dc5;
  const name = nameOf(key);
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Merges a cube's measures into another one with the same keys or a subset of them. */
export function* mergeCube<M>(into: Cube<M>, from: Cube<M>): Cooperative<void> {
  const places = into.keys.map((key) => from.keys.indexOf(key));
  const areAlike = places.length === from.keys.length && places.every((place, at) => place === at);
  const { merge } = into.measuring;
  for (const group of from.groups()) {
    const key = areAlike ? group.key : places.map((place) => group.key[place] ?? null);
    const name = areAlike ? group.name : nameOf(key);
    let to = into.group(key, name);
    let { generation } = into;
    for (const [slot, measures] of group.slots) {
      if (into.generation !== generation) to = into.group(key, name);
      generation = into.generation;
      const grown = merge(into.in(to, slot), measures);
      into.bytes += grown;
    }
    yield;
  }
}
