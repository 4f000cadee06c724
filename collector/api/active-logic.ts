/** The logic version that a merchant's figures are made by: read again twice a second. */
import type { MerchantId } from '../../shared/ids.ts';
import type { Logic } from '../aggregation/logic/logic-version.ts';
import type { LogicSet, LogicVersions } from '../store/logic-versions.ts';
import { StoreUnavailable } from '../store/tables.ts';

export interface ActiveLogicOptions {
  readonly logics: Pick<LogicVersions, 'read'>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** How long what was read is not read again. */
  readonly freshForMs: number;
}

export class ActiveLogic {
  readonly #options: ActiveLogicOptions;
  #known: { readonly set: Promise<LogicSet>; readonly until: number } | null = null;

  constructor(options: ActiveLogicOptions) {
    this.#options = options;
  }

  /**
   * @param asOf that of this moment, milliseconds since 1970; null: of now
   * @throws UnknownRules
   */
  async of(merchant: MerchantId, asOf: number | null = null): Promise<Logic> {
    const set = await this.versions();
    return asOf === null ? set.logic(merchant) : set.logicAsOf(merchant, asOf);
  }

  async versions(): Promise<LogicSet> {
    const set = await this.#set();
    if (set.records.length === 0) throw new StoreUnavailable('the store is not initialized yet');
    return set;
  }

  #set(): Promise<LogicSet> {
    const { logics, clock, freshForMs } = this.#options;
    const now = clock();
    if (this.#known !== null && now < this.#known.until) return this.#known.set;
    const set = logics.read();
    const known = { set, until: now + freshForMs };
    this.#known = known;
    const forget = (): void => {
      if (this.#known === known) this.#known = null;
    };
    // What was read before the store was initialized is not kept.
    set.then(({ records }) => records.length === 0 && forget(), forget);
    return set;
  }
}
