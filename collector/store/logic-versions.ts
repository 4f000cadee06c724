/**
 * Logic versions and which of them is active: records in `control`.
 *
 *     building ──▶ live (it was activated) ──▶ dropped (for ever: its number is not used again)
 *         └────────────────────────────────────▶
 *
 * Runs maintain the rows of every version that is not dropped. The active version is a dated list
 * of activations in one record, so that one write flips it for every reader.
 */

import { Buffer } from 'node:buffer';
import type { MerchantId } from '../../shared/ids.ts';
import { controlKey, prefixEnd } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import { FIRST_LOGIC, type Logic, logicBy } from '../aggregation/logic/logic-version.ts';
import { STORE_LIMITS } from './limits.ts';
import type { Column, Tables } from './tables.ts';

const VALUE: Column = 'm:value';
const KIND = 'logic';
const ACTIVATIONS = controlKey('active', KIND);

export type LogicState = 'building' | 'live' | 'dropped';

export interface LogicRecord {
  readonly version: number;
  /** Number of its rules in `RULES`. */
  readonly rules: number;
  readonly dimensions: readonly string[];
  readonly state: LogicState;
}

export interface Activation {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Null: a rollback, of the last activation that was not rolled back. */
  readonly version: number | null;
  /** For these alone; null: for all, and no merchant is an exception any more. */
  readonly merchants: readonly MerchantId[] | null;
}

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
    const [start, stop] = [controlKey(KIND, ''), prefixEnd(controlKey(KIND, ''))];
    const within = [
      { start: ACTIVATIONS, stop: Buffer.concat([ACTIVATIONS, Buffer.of(0)]) },
      { start, stop },
    ];
    const records: LogicRecord[] = [];
    let activations: readonly Activation[] = [];
    for await (const { row, cells } of this.#tables.scan('control', { start: ACTIVATIONS, stop, within })) {
      const value = cells.get(VALUE)!;
      if (Buffer.compare(row, ACTIVATIONS) === 0) activations = unpack(value) as readonly Activation[];
      else records.push(recordOf(value));
    }
    return new LogicSet(records, activations);
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

/** Another version became active for a merchant. */
export interface LogicSwitch {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** A logic version has rules that this release does not know. */
export class UnknownRules extends Error {
  override readonly name = 'UnknownRules';
}

/** The versions of a store as of one read, and which of them is active for a merchant. */
export class LogicSet {
  /** In order of their versions. */
  readonly records: readonly LogicRecord[];
  readonly activations: readonly Activation[];
  readonly #all: number;
  readonly #merchants = new Map<MerchantId, number>();

  constructor(records: readonly LogicRecord[], activations: readonly Activation[]) {
    this.records = [...records].sort((a, b) => a.version - b.version);
    this.activations = activations;
    let all = FIRST_LOGIC;
    for (const { version, merchants } of standing(activations)) {
      if (merchants === null) {
        all = version;
        this.#merchants.clear();
      } else for (const merchant of merchants) this.#merchants.set(merchant, version);
    }
    this.#all = all;
  }

  record(version: number): LogicRecord | null {
    return this.records.find((record) => record.version === version) ?? null;
  }

  /** The version that is active for a merchant; null: for all without an exception. */
  active(merchant: MerchantId | null): number {
    return (merchant === null ? undefined : this.#merchants.get(merchant)) ?? this.#all;
  }

  /** Merchants with a version of their own. */
  get exceptions(): ReadonlyMap<MerchantId, number> {
    return this.#merchants;
  }

  isActive(version: number): boolean {
    return this.#all === version || [...this.#merchants.values()].includes(version);
  }

  /** Whether a version is active for a merchant, or was: answers showed its rows. */
  wasActive(merchant: MerchantId, version: number): boolean {
    const names = ({ merchants }: Activation): boolean => merchants?.includes(merchant) ?? true;
    return version === FIRST_LOGIC || this.activations.some((one) => one.version === version && names(one));
  }

  /** Which version was active for a merchant, by the moment (milliseconds since 1970). */
  activeAt(merchant: MerchantId): (at: number) => number {
    const left: (number | null)[] = [];
    const versions = this.activations.map(({ version, merchants }) => {
      if (version === null) left.pop();
      else left.push((merchants?.includes(merchant) ?? true) ? version : null);
      return left.findLast((one) => one !== null) ?? FIRST_LOGIC;
    });
    return (at) => versions[this.activations.findLastIndex((one) => one.at <= at)] ?? FIRST_LOGIC;
  }

  /** The moments at which another version became active for a merchant, in order. */
  switches(merchant: MerchantId): LogicSwitch[] {
    const activeAt = this.activeAt(merchant);
    let from = FIRST_LOGIC;
    return this.activations.flatMap(({ at }) => {
      const [before, to] = [from, activeAt(at)];
      from = to;
      return to === before ? [] : [{ at, from: before, to }];
    });
  }

  /**
   * What a merchant's figures were made by at a moment; if that was dropped, what they are made by
   * now.
   *
   * @throws UnknownRules
   */
  logicAsOf(merchant: MerchantId, at: number): Logic {
    const version = this.activeAt(merchant)(at);
    const record = this.record(version);
    const isKept = version !== this.active(merchant) && record !== null && record.state !== 'dropped';
    return isKept ? logicOf(record) : this.logic(merchant);
  }

  /** What a rollback would leave. Null: there is no activation to roll back. */
  rolledBack(): LogicSet | null {
    const left = standing(this.activations);
    return left.length === 0 ? null : new LogicSet(this.records, left.slice(0, -1));
  }

  /**
   * The versions whose rows runs maintain.
   *
   * @throws UnknownRules; Error when there are none, which marks must not be deleted for
   */
  maintained(): Logic[] {
    if (this.records.length === 0) throw new Error('the store has no logic version: was it initialized?');
    return this.records.filter(({ state }) => state !== 'dropped').map(logicOf);
  }

  /**
   * What a merchant's figures are made by.
   *
   * @throws UnknownRules
   */
  logic(merchant: MerchantId): Logic {
    const record = this.record(this.active(merchant));
    if (record === null) throw new Error(`logic version ${this.active(merchant)} is active and has no record`);
    return logicOf(record);
  }
}

/** @throws UnknownRules */
export function logicOf({ version, rules, dimensions }: LogicRecord): Logic {
  const logic = logicBy(version, rules, dimensions);
  if (logic !== null) return logic;
  throw new UnknownRules(
    `logic version ${version} has the rules ${rules}, which this release does not know: use the release that has them`,
  );
}

interface Standing extends Activation {
  readonly version: number;
}

/** The activations that were not rolled back. */
function standing(activations: readonly Activation[]): Standing[] {
  const left: Standing[] = [];
  for (const { version, ...of } of activations)
    if (version === null) left.pop();
    else left.push({ ...of, version });
  return left;
}
