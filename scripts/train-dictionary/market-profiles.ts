/** Markets with their tills' vocabularies, from which synthetic merchants are composed. */

export interface Market {
  readonly currency: string;
  /** Offsets from UTC, in minutes, of places that use the currency. */
  readonly offsets: readonly number[];
}

/** Markets with their weights. */
export const MARKETS: readonly (readonly [Market, number])[] = [
  [{ currency: 'EUR', offsets: [60, 120, 180] }, 16],
  [{ currency: 'USD', offsets: [-300, -240, -420, -480] }, 16],
  [{ currency: 'GBP', offsets: [0, 60] }, 14],
  [{ currency: 'INR', offsets: [330] }, 14],
  [{ currency: 'JPY', offsets: [540] }, 4],
  [{ currency: 'BRL', offsets: [-180] }, 4],
  [{ currency: 'AUD', offsets: [600, 660] }, 3],
  [{ currency: 'CAD', offsets: [-300, -240] }, 3],
  [{ currency: 'CHF', offsets: [60, 120] }, 2],
  [{ currency: 'PLN', offsets: [60, 120] }, 2],
  [{ currency: 'SEK', offsets: [60, 120] }, 2],
  [{ currency: 'MXN', offsets: [-360] }, 2],
  [{ currency: 'AED', offsets: [240] }, 2],
  [{ currency: 'SGD', offsets: [480] }, 2],
  [{ currency: 'KES', offsets: [180] }, 2],
  [{ currency: 'NGN', offsets: [60] }, 2],
  [{ currency: 'NPR', offsets: [345] }, 1],
  [{ currency: 'IDR', offsets: [420] }, 1],
];

export const METHODS: readonly (readonly string[])[] = [
  ['card', 'cash'],
  ['card', 'cash', 'voucher'],
  ['card', 'cash', 'mobile', 'gift_card'],
  ['upi', 'cash', 'card'],
  ['upi', 'cash', 'card', 'wallet'],
  ['contactless', 'chip', 'cash'],
  ['visa', 'mastercard', 'amex', 'cash'],
  ['credit', 'debit', 'cash', 'pix'],
  ['CARD', 'CASH', 'QR'],
  ['apple_pay', 'google_pay', 'card', 'cash'],
  ['mpesa', 'cash'],
  ['bank_transfer', 'invoice', 'card', 'cash'],
];

export const CATEGORIES: readonly (readonly string[])[] = [
  ['drinks', 'bakery', 'lunch', 'kiosk'],
  ['food', 'beverages', 'household', 'tobacco'],
  ['grocery', 'dairy', 'produce', 'meat', 'frozen'],
  ['women', 'men', 'kids', 'shoes', 'accessories'],
  ['electronics', 'accessories', 'service'],
  ['pharmacy', 'otc', 'prescription', 'cosmetics'],
  ['starters', 'mains', 'desserts', 'wine', 'beer'],
  ['fuel', 'shop', 'carwash'],
  ['books', 'stationery', 'gifts', 'toys'],
];

/** Words for skus and store names. */
export const WORDS = (
  'espresso cappuccino latte tea water cola juice croissant bread roll sandwich soup salad pizza burger fries rice milk eggs cheese apple ' +
  'banana tomato onion chicken beef fish shirt jeans dress socks shoes bag belt cable charger phone case pen notebook mug candle lamp soap ' +
  'shampoo cream vitamin aspirin diesel petrol newspaper gum beer wine gift box small large red blue black white'
).split(' ');

export const STORES = (
  'main city center north south east west airport station mall harbour market high-street berlin london paris mumbai delhi lagos nairobi ' +
  'austin toronto sydney store-1 store-2 store-12 shop-01 s1 s2 s17 branch-3 hq outlet'
).split(' ');

/** Event types besides sale and refund. */
export const OTHER_TYPES = [
  'void',
  'drawer.opened',
  'shift.opened',
  'shift.closed',
  'payout',
  'adjustment',
  'no_sale',
] as const;
