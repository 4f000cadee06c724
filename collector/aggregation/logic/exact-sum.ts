/**
 * Exact sums: a number while it is a safe integer, otherwise a bigint. One event's amount is at
 * most 10^12, so 9,000 of them may exceed the safe range; almost none do, and numbers are several
 * times faster.
 */
export type ExactInt = number | bigint;

export function addExact(a: ExactInt, b: ExactInt): ExactInt {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return narrowed(BigInt(a) + BigInt(b));
}

/** Never negative zero. */
export const negateExact = (a: ExactInt): ExactInt => (typeof a === 'bigint' ? -a : 0 - a);

/** a × b for safe integers. */
export function multiplyExact(a: number, b: number): ExactInt {
  const product = a * b;
  return Number.isSafeInteger(product) ? product : BigInt(a) * BigInt(b);
}

/** a / b as an integer, rounded half away from zero. `b` > 0. */
export function divideRounded(a: ExactInt, b: number): ExactInt {
  if (typeof a === 'number' && Number.isSafeInteger(2 * Math.abs(a) + b)) {
    const size = Math.floor((2 * Math.abs(a) + b) / (2 * b));
    return a < 0 ? 0 - size : size;
  }
  const wide = BigInt(a);
  const by = BigInt(b);
  const size = (2n * (wide < 0n ? -wide : wide) + by) / (2n * by);
  return narrowed(wide < 0n ? -size : size);
}

export const compareExact = (a: ExactInt, b: ExactInt): number => (a < b ? -1 : a > b ? 1 : 0);

const narrowed = (wide: bigint): ExactInt => {
  const value = Number(wide);
  return Number.isSafeInteger(value) ? value : wide;
};
