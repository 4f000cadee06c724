/** The logic versions of a store as of one read, and which of them is active for a merchant. */
import type { MerchantId } from '../../shared/ids.ts';
import { FIRST_LOGIC, type Logic, logicBy } from '../aggregation/logic-version.ts';

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

/** A logic version has rules that this release does not know. */
export class UnknownRules extends Error {
  override readonly name = 'UnknownRules';
}

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
