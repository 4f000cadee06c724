/** Generates the events of a simulated till: baskets, some refunds of them, some voids. */
import type { TillEvent, TillItem } from '../clients/till-event.ts';
import { CATALOGUE, type Product } from './catalogue.ts';
import { pick, weighted } from './random.ts';

export interface ShopSettings {
  readonly currency: string;
  /** The till's time zone: its times are written with this zone's offset. */
  readonly timeZone: string;
  /** Prefix of each `ref`, unique per shop of a merchant and per run. */
  readonly refPrefix: string;
  readonly cashiers: readonly string[];
  /** In [0, 1). */
  readonly random: () => number;
}

const KINDS = [
  ['sale', 96],
  ['refund', 3],
  ['void', 1],
] as const;
const METHODS = [
  ['card', 55],
  ['mobile', 25],
  ['cash', 18],
  ['voucher', 2],
] as const;
const LINES = [
  [1, 40],
  [2, 30],
  [3, 15],
  [4, 9],
  [6, 6],
] as const;
const PIECES = [
  [1, 86],
  [2, 11],
  [4, 3],
] as const;
const PRODUCTS = CATALOGUE.map((product) => [product, product.weight] as const);
/** Customers with a loyalty card. */
const CUSTOMERS = 300;
const CUSTOMER_SHARE = 0.45;
/** Recent sales that can be refunded. */
const REMEMBERED = 50;

export class Shop {
  readonly #settings: ShopSettings;
  readonly #sales: TillEvent[] = [];
  #count = 0;

  constructor(settings: ShopSettings) {
    this.#settings = settings;
  }

  /** @param at milliseconds since 1970 */
  next(at: number): TillEvent {
    const { random } = this.#settings;
    const kind = weighted(random, KINDS);
    if (kind === 'refund' && this.#sales.length > 0) return this.#refund(at);
    const basket = this.#basket(at);
    if (kind === 'void') return { ...basket, type: 'void' };
    this.#sales.push(basket);
    if (this.#sales.length > REMEMBERED) this.#sales.shift();
    return basket;
  }

  #basket(at: number): TillEvent {
    const { random, cashiers } = this.#settings;
    const lines = Array.from({ length: weighted(random, LINES) }, () => ({
      product: weighted(random, PRODUCTS),
      qty: weighted(random, PIECES),
    }));
    const customer = random() < CUSTOMER_SHARE ? { customer: `u${Math.floor(random() * CUSTOMERS)}` } : {};
    return {
      ...this.#stamp('sale', at),
      amount: lines.reduce((sum, { product, qty }) => sum + product.price * qty, 0),
      dims: {
        method: weighted(random, METHODS),
        cashier: pick(random, cashiers),
        category: mostOf(lines.map(({ product }) => product)),
        ...customer,
      },
      items: lines.map(({ product: { sku, price }, qty }) => ({ sku, qty, price })),
    };
  }

  /** Refunds one line of an earlier basket. */
  #refund(at: number): TillEvent {
    const sale = this.#sales.splice(Math.floor(this.#settings.random() * this.#sales.length), 1)[0]!;
    const item: TillItem = pick(this.#settings.random, sale.items!);
    return {
      ...this.#stamp('refund', at),
      amount: item.price * item.qty,
      dims: sale.dims,
      items: [item],
      attrs: { of: sale.ref },
    };
  }

  #stamp(type: string, at: number) {
    const { timeZone, refPrefix, currency } = this.#settings;
    const ts = Temporal.Instant.fromEpochMilliseconds(Math.floor(at))
      .toZonedDateTimeISO(timeZone)
      .toString({ timeZoneName: 'never', smallestUnit: 'millisecond' });
    this.#count++;
    return { type, ts, currency, ref: `${refPrefix}-${this.#count}` };
  }
}

/** The most frequent category of the lines. */
function mostOf(products: readonly Product[]): string {
  const groups = [...Map.groupBy(products, ({ category }) => category)];
  return groups.sort(([, a], [, b]) => b.length - a.length)[0]![0];
}
