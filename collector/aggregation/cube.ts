/**
 * A sparse table of measures by group and slot. A group is identified by its values of the cube's
 * keys: `type`, `currency` and some dimensions. Slots are counted since 1970.
 */
import type { Cooperative } from '../../shared/cooperative.ts';

/** Replaces the values beyond a cube's bound on groups. */
export const OTHER = '(other)';

/** Bytes of memory of a group without its key's texts, and of plain measures in one slot. */
const GROUP_BYTES = 256;
const MEASURES_BYTES = 128;

export type GroupKey = readonly (string | null)[];

export interface Group<M> {
  readonly key: GroupKey;
  readonly slots: Map<number, M>;
}

/** Unambiguous for any values. */
function nameOf(key: GroupKey): string {
  let name = '';
  for (const value of key) name += value === null ? '~' : `${value.length}:${value}`;
  return name;
}

export class Cube<M> {
  /** Names of the key's positions, such as `['type', 'currency', 'store']`. */
  readonly keys: readonly string[];
  readonly #groups = new Map<string, Group<M>>();
  readonly #maxGroups: number;
  readonly #rest: (key: GroupKey) => GroupKey;
  /** How often a group was counted under `OTHER` because the bound was reached. */
  overflow = 0;
  /** Bytes of memory, about: keys and measures. Who changes measures in place adds the change. */
  bytes = 0;

  /**
   * @param maxGroups bound on the number of groups
   * @param rest the group that counts for a group beyond the bound: the group itself if it is such
   *   a group already, of which there are few
   */
  constructor(keys: readonly string[], maxGroups: number, rest: (key: GroupKey) => GroupKey) {
    this.keys = keys;
    this.#maxGroups = maxGroups;
    this.#rest = rest;
  }

  /** Measures of a group in a slot, created by `none` if there are none yet. */
  at(key: GroupKey, slot: number, none: () => M): M {
    const group = this.#group(key);
    let measures = group.slots.get(slot);
    if (measures === undefined) {
      measures = none();
      group.slots.set(slot, measures);
      this.bytes += MEASURES_BYTES;
    }
    return measures;
  }

  get size(): number {
    return this.#groups.size;
  }

  groups(): IterableIterator<Group<M>> {
    return this.#groups.values();
  }

  #group(key: GroupKey): Group<M> {
    const name = nameOf(key);
    const found = this.#groups.get(name);
    if (found !== undefined) return found;
    if (this.#groups.size >= this.#maxGroups) {
      const rest = this.#rest(key);
      if (nameOf(rest) !== name) {
        this.overflow++;
        return this.#group(rest);
      }
    }
    const group: Group<M> = { key: [...key], slots: new Map() };
    this.#groups.set(name, group);
    this.bytes += GROUP_BYTES + 2 * name.length;
    return group;
  }
}

/**
 * Merges a cube into another one with the same keys or a subset of them.
 *
 * @param merge merges measures, and returns by how many bytes of memory `into` grew
 */
export function* mergeCube<M>(
  into: Cube<M>,
  from: Cube<M>,
  none: () => M,
  merge: (into: M, from: M) => number,
): Cooperative<void> {
  const places = into.keys.map((key) => from.keys.indexOf(key));
  for (const group of from.groups()) {
    const key = places.map((place) => group.key[place] ?? null);
    for (const [slot, measures] of group.slots) {
      const grown = merge(into.at(key, slot, none), measures);
      into.bytes += grown;
    }
    yield;
  }
}
