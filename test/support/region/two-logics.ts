/** Two logic versions whose figures differ: the first counts refunds as sales. */
import { RULES } from '../../../collector/aggregation/logic/logic-rules.ts';
import type { Logic } from '../../../collector/aggregation/logic/logic-version.ts';
import { type Activation, type LogicRecord, LogicSet } from '../../../collector/store/logic-versions.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { LOGIC } from '../collector/till-events.ts';

const isRefund = (type: string): boolean => type === 'refund';

export const BUGGY: Logic = {
  ...LOGIC,
  rules: { ...RULES[1]!, typeOf: (type) => (isRefund(type) ? 'sale' : type) },
};
export const FIXED: Logic = { ...LOGIC, version: 2 };

const recordOf = ({ version, dimensions }: Logic, dropped: number | null): LogicRecord => {
  return { version, rules: 1, dimensions, state: version === dropped ? 'dropped' : 'live' };
};

/** Rules that no release has need a set that knows them. */
class SetOfTwo extends LogicSet {
  override maintained(): Logic[] {
    return this.records.map(({ version }) => (version === 1 ? BUGGY : FIXED));
  }
  override logic(merchant: MerchantId): Logic {
    return this.active(merchant) === 1 ? BUGGY : FIXED;
  }
}

/** The versions of a store as a test says. */
export class TwoLogics {
  #versions: readonly Logic[] = [BUGGY];
  #activations: readonly Activation[] = [];

  #dropped: number | null = null;

  async read(): Promise<LogicSet> {
    const records = this.#versions.map((logic) => recordOf(logic, this.#dropped));
    return new SetOfTwo(records, this.#activations);
  }
  drop(version: number): void {
    this.#dropped = version;
  }
  addFixed(): void {
    this.#versions = [BUGGY, FIXED];
  }
  activate(version: 1 | 2, merchants: readonly MerchantId[] | null = null, at = 0): void {
    this.#activations = [...this.#activations, { at, version, merchants }];
  }
}
