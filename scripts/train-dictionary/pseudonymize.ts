/**
 * Pseudonymizes real invoices as another merchant's: their structure is learnt, their articles and
 * customers are not.
 */

import type { TillEvent } from '../clients/till-event.ts';
import { pick } from '../simulate/random.ts';
import { MARKETS, METHODS, STORES } from './market-profiles.ts';

export class Renaming {
  readonly #random: () => number;
  readonly #names = new Map<string, string>();
  readonly #currency: string;
  readonly #methods: readonly string[];
  readonly #store: string;

  constructor(random: () => number) {
    this.#random = random;
    this.#currency = pick(random, MARKETS)[0].currency;
    this.#methods = pick(random, METHODS);
    this.#store = pick(random, STORES);
  }

  /**
   * The event as a merchant in another country would post it at another time.
   *
   * @param ts as a till writes it
   */
  event(event: TillEvent, ts: string): TillEvent {
    const { customer } = event.dims;
    return {
      ...event,
      ts,
      currency: this.#currency,
      ref: this.#name(event.ref),
      dims: {
        ...(this.#random() < 0.7 && { method: pick(this.#random, this.#methods) }),
        ...(customer !== undefined && { customer: this.#name(customer) }),
        store: this.#store,
      },
      items: (event.items ?? []).map((item) => ({ ...item, sku: this.#name(item.sku) })),
    };
  }

  /** Replaces digits and letters in place, consistently for the same name. */
  #name(name: string): string {
    let other = this.#names.get(name);
    if (other === undefined) {
      other = name.replaceAll(/[0-9]/g, () => String(Math.floor(this.#random() * 10)));
      this.#names.set(name, other);
    }
    return other;
  }
}
