import fc from 'fast-check';
import t from 'tap';
import {
  addExact,
  compareExact,
  divideRounded,
  type ExactInt,
  multiplyExact,
  negateExact,
} from '../../../../../collector/aggregation/logic/exact-sum.ts';
import { holds } from '../../../../support/shared/property.ts';

/** Around zero, around the ends of the safe integers, far beyond. */
const wide = fc.oneof(
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt({ min: -(2n ** 53n) - 20n, max: -(2n ** 53n) + 20n }),
  fc.bigInt({ min: 2n ** 53n - 20n, max: 2n ** 53n + 20n }),
  fc.bigInt({ min: 2n ** 52n - 2_000n, max: 2n ** 52n + 2_000n }),
  fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }),
);
const safe = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -20, max: 20 }), fc.integer({ min: 0, max: 1e12 }));

const exact = (value: bigint): ExactInt =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

holds(
  t,
  'a sum is that of the integers, and a number exactly when it is safe',
  fc.property(wide, wide, (a, b) => Object.is(addExact(exact(a), exact(b)), exact(a + b))),
);

holds(
  t,
  'a product is that of the integers',
  fc.property(safe, safe, (a, b) => BigInt(multiplyExact(a, b)) === BigInt(a) * BigInt(b)),
);

holds(
  t,
  'the negative of a number is that of the integer, and zero has one form',
  fc.property(wide, (a) => Object.is(negateExact(exact(a)), exact(-a))),
);

const quotient = (a: bigint, b: bigint): bigint => {
  const size = a < 0n ? -a : a;
  const rounded = size / b + ((size % b) * 2n >= b ? 1n : 0n);
  return a < 0n ? -rounded : rounded;
};
const divisor = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(1000), fc.integer({ min: 1, max: 2 ** 40 }));

holds(
  t,
  'a quotient is that of the integers, rounded half away from zero',
  fc.property(wide, divisor, (a, b) => Object.is(divideRounded(exact(a), b), exact(quotient(a, BigInt(b))))),
);

t.test('a half is rounded away from zero on both sides', (t) => {
  t.equal(divideRounded(5, 2), 3);
  t.equal(divideRounded(-5, 2), -3);
  t.ok(Object.is(divideRounded(-1, 1000), 0), 'never the zero below zero');
  t.end();
});

holds(
  t,
  'numbers and bigints are in one order',
  fc.property(wide, wide, (a, b) => compareExact(exact(a), exact(b)) === Number(a > b) - Number(a < b)),
);
