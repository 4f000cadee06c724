/**
 * Pence from the decimal text of a price. The arithmetic uses integers, because a price of three
 * decimals times a quantity has no exact double.
 */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const INTEGER = /^-?\d+$/;

/** Numerator over `10^scale`. */
interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

function decimal(text: string): Decimal {
  const match = DECIMAL.exec(text);
  if (match === null) throw new TypeError(`not a decimal: ${JSON.stringify(text)}`);
  const [, sign, whole, fraction = ''] = match;
  const units = BigInt(whole + fraction);
  return { units: sign === '-' ? -units : units, scale: fraction.length };
}

/** Nearest whole number; halves go away from zero. `below` > 0. */
function rounded(above: bigint, below: bigint): bigint {
  const half = above < 0n ? -below : below;
  return (2n * above + half) / (2n * below);
}

/** @throws TypeError when the text is not a whole number */
export function wholeNumber(text: string): bigint {
  if (!INTEGER.test(text)) throw new TypeError(`not a whole number: ${JSON.stringify(text)}`);
  return BigInt(text);
}

/**
 * `quantity` x `price` pounds as pence, rounded half away from zero on the decimal value.
 *
 * @param price such as `2.55`, any number of decimals
 * @throws TypeError when the price is not a decimal
 */
export function pence(quantity: bigint, price: string): bigint {
  const { units, scale } = decimal(price);
  return rounded(quantity * units * 100n, 10n ** BigInt(scale));
}
