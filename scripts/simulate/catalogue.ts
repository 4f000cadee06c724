/** Products of the simulated shops. */
export interface Product {
  readonly sku: string;
  /** Minor units. */
  readonly price: number;
  readonly category: string;
  /** Relative frequency of purchase. */
  readonly weight: number;
}

const product = (sku: string, price: number, category: string, weight: number): Product => ({
  sku,
  price,
  category,
  weight,
});

export const CATALOGUE: readonly Product[] = [
  product('espresso', 220, 'drinks', 30),
  product('cappuccino', 340, 'drinks', 26),
  product('tea', 260, 'drinks', 12),
  product('water-50cl', 180, 'drinks', 16),
  product('orange-juice', 390, 'drinks', 8),
  product('croissant', 190, 'bakery', 24),
  product('rye-bread', 420, 'bakery', 9),
  product('cinnamon-roll', 310, 'bakery', 14),
  product('cheesecake', 480, 'bakery', 6),
  product('sandwich-cheese', 560, 'lunch', 13),
  product('sandwich-tuna', 590, 'lunch', 9),
  product('soup', 650, 'lunch', 7),
  product('salad', 790, 'lunch', 8),
  product('newspaper', 320, 'kiosk', 7),
  product('chewing-gum', 120, 'kiosk', 9),
  product('umbrella', 1490, 'kiosk', 2),
  product('beans-1kg', 2290, 'kiosk', 2),
  product('gift-card-25', 2500, 'kiosk', 1),
];
