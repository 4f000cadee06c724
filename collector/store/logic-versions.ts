/**
 * Logic versions and which of them is active: records in `control`.
 *
 *     building ──▶ live (it was activated) ──▶ dropped (for ever: its number is not used again)
 *         └────────────────────────────────────▶
 *
 * Runs maintain the rows of every version that is not dropped. The active version is a dated list
 * of activations in one record, so that one write flips it for every reader.
 */
import { controlKey, prefixEnd } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import { FIRST_LOGIC } from '../aggregation/logic-version.ts';
import { STORE_LIMITS } from './limits.ts';
import { type Activation, type LogicRecord, LogicSet, type LogicState } from './logic-set.ts';
import type { Column, Tables } from './tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'logic';
const ACTIVATIONS = controlKey('active', KIND);

export class LogicVersions {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The record of a version; the first caller's `proposed` is recorded. */
  async create(proposed: LogicRecord): Promise<LogicRecord> {
    const { version, rules, dimensions, state } = proposed;
    const row = keyOf(version);
    const put = { row, cells: new Map([[VALUE, pack({ version, rules, dimensions, state })]]) };
    const isNew = await this.#tables.checkAndPut('control', { column: VALUE, expected: null }, put);
    return isNew ? proposed : ((await this.#record(row))?.record ?? proposed);
  }

  /** @returns false when its state is none of `from`, or changes at the same moment */
  async setState(version: number, from: readonly LogicState[], state: LogicState): Promise<boolean> {
    const found = await this.#record(keyOf(version));
    if (found === null || !from.includes(found.record.state)) return false;
    const cells = new Map([[VALUE, pack({ ...found.record, state })]]);
    const check = { column: VALUE, expected: found.bytes };
    return this.#tables.checkAndPut('control', check, { row: keyOf(version), cells });
  }

  /** All versions, and which is active. */
  async read(): Promise<LogicSet> {
    const start = controlKey(KIND, '');
    const records: LogicRecord[] = [];
    for await (const { cells } of this.#tables.scan('control', { start, stop: prefixEnd(start) }))
      records.push(recordOf(cells.get(VALUE)!));
    return new LogicSet(records, await this.#activations());
  }

  /**
   * Adds to the list of activations, if it is still as `known` has it.
   *
   * @throws RangeError when the list, or the merchants in it, are too many
   */
  activate(known: LogicSet, next: Activation): Promise<boolean> {
    const { activations } = known;
    const list = [...activations, next];
    const names = list.reduce((sum, { merchants }) => sum + (merchants?.length ?? 0), 0);
    if (list.length > STORE_LIMITS.activations.value) throw new RangeError('too many activations');
    if (names > STORE_LIMITS.activatedMerchants.value)
      throw new RangeError(`more than ${STORE_LIMITS.activatedMerchants.value} merchants: activate it for all`);
    const put = { row: ACTIVATIONS, cells: new Map([[VALUE, pack(list)]]) };
    const expected = activations.length === 0 ? null : pack(activations);
    return this.#tables.checkAndPut('control', { column: VALUE, expected }, put);
  }

  async #activations(): Promise<readonly Activation[]> {
    const [row] = await this.#tables.get('control', [ACTIVATIONS], [VALUE]);
    return row ? (unpack(row.cells.get(VALUE)!) as readonly Activation[]) : [];
  }

  async #record(row: Uint8Array): Promise<{ readonly record: LogicRecord; readonly bytes: Uint8Array } | null> {
    const [found] = await this.#tables.get('control', [row], [VALUE]);
    const bytes = found?.cells.get(VALUE);
    return bytes === undefined ? null : { record: recordOf(bytes), bytes };
  }
}

const keyOf = (version: number): Uint8Array => controlKey(KIND, String(version));

/** A record from before there were several versions names its version and dimensions alone. */
function recordOf(bytes: Uint8Array): LogicRecord {
  const { version, rules = FIRST_LOGIC, dimensions, state = 'live' } = unpack(bytes) as Partial<LogicRecord>;
  return { version: version!, rules, dimensions: dimensions!, state };
}
