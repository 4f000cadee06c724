/**
 * Leases of numbered slots, by which the runners of a region know of each other. A slot is taken
 * and renewed by compare-and-set. It is never deleted, since HBase would hide a later put of the
 * same key: whoever gives it up writes it free.
 */
import { controlKey, prefixEnd } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Tables } from './tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'lease';
/** Digits of a slot in a key, so that keys sort by slot. */
const SLOT_DIGITS = 3;

export interface Lease {
  readonly slot: number;
  /** Whoever took it last. */
  readonly owner: string;
  /** It is free from then on, milliseconds since 1970. */
  readonly until: number;
}

const keyOf = (slot: number): Buffer => controlKey(KIND, String(slot).padStart(SLOT_DIGITS, '0'));

export class Leases {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** All slots that were ever taken, in order. */
  async list(): Promise<Lease[]> {
    const start = controlKey(KIND, '');
    const rows = this.#tables.scan('control', { start, stop: prefixEnd(start) });
    return Array.fromAsync(rows, ({ cells }) => unpack(cells.get(VALUE)!) as Lease);
  }

  /**
   * @param expected as it was read; null: the slot was never taken
   * @returns false when it has changed since
   */
  write(next: Lease, expected: Lease | null): Promise<boolean> {
    const put = { row: keyOf(next.slot), cells: new Map([[VALUE, pack(next)]]) };
    const check = { column: VALUE, expected: expected === null ? null : pack(expected) };
    return this.#tables.checkAndPut('control', check, put);
  }
}
