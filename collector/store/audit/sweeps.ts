/**
 * How far the sweep is: one record a salt, in `control`. Compare-and-set of the record is the claim
 * of who sweeps the salt, and the progress of the work.
 */
import type { Buffer } from 'node:buffer';
import type { MerchantId } from '../../../shared/ids.ts';
import { controlKey, prefixEnd } from '../../../shared/keys.ts';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';
import type { Column, Tables } from '../tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'sweep';

export interface SweepRecord {
  readonly salt: number;
  /** Days since 1970: the range that is being compared, or was last; both inclusive. */
  readonly from: number;
  readonly through: number;
  /** The last merchant of it that is done; null: none is. */
  readonly after: MerchantId | null;
  /** Who compares; null: nobody, it is done. */
  readonly owner: string | null;
  /** When the record was written, milliseconds since 1970. */
  readonly at: number;
}

const keyOf = (salt: number): Buffer => controlKey(KIND, String(salt).padStart(3, '0'));

export class Sweeps {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async list(): Promise<SweepRecord[]> {
    const start = controlKey(KIND, '');
    return Array.fromAsync(
      this.#tables.scan('control', { start, stop: prefixEnd(start) }),
      ({ cells }) => unpack(cells.get(VALUE)!) as SweepRecord,
    );
  }

  /**
   * @param before as it was read; null: there was none
   * @returns false when it has changed since
   */
  write(record: SweepRecord, before: SweepRecord | null): Promise<boolean> {
    const put = { row: keyOf(record.salt), cells: new Map([[VALUE, pack(record)]]) };
    const expected = before === null ? null : pack(before);
    return this.#tables.checkAndPut('control', { column: VALUE, expected }, put);
  }
}
