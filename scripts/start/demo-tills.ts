/** Settings of the quickstart's simulated tills. */
import type { ShopSettings } from '../simulate/basket-generator.ts';

export const MERCHANT = 'demo';
const CURRENCY = 'EUR';

export interface TillPlace {
  readonly terminal: string;
  readonly store: string;
  readonly cashiers: readonly string[];
}

export const TILLS: readonly TillPlace[] = [
  { terminal: 'till-1', store: 'high-street', cashiers: ['ada', 'ben', 'cleo'] },
  { terminal: 'till-2', store: 'station', cashiers: ['dan', 'eve'] },
];

export const shopAt = (place: TillPlace, timeZone: string, refPrefix: string, random: () => number): ShopSettings => ({
  currency: CURRENCY,
  timeZone,
  refPrefix: `${place.terminal}-${refPrefix}`,
  cashiers: place.cashiers,
  random,
});
