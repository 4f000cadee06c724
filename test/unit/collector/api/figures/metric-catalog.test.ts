import fc from 'fast-check';
import t from 'tap';
import type { ExactInt } from '../../../../../collector/aggregation/logic/exact-sum.ts';
import { minorUnits, pieces } from '../../../../../collector/api/figures/metric-catalog.ts';
import { holds } from '../../../../support/shared/property.ts';

const wide = fc.oneof(fc.bigInt({ min: -5_000n, max: 5_000n }), fc.bigInt({ min: -(2n ** 53n), max: 2n ** 80n }));
const exact = (value: bigint): ExactInt => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** A decimal's digits without the point, as if it had three places. */
function thousandths(decimal: string): bigint {
  const [, sign, whole, places = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal)!;
  return BigInt(`${sign}${whole}${places.padEnd(3, '0')}`);
}

holds(
  t,
  'pieces are printed to the thousandth, however many there are',
  fc.property(wide, (value) => thousandths(JSON.stringify(pieces(exact(value)))) === value),
);

holds(
  t,
  'thousandths of a minor unit are printed as whole ones, rounded half away from zero',
  fc.property(wide, (value) => {
    const size = value < 0n ? -value : value;
    const rounded = (size + 500n) / 1000n;
    return BigInt(JSON.stringify(minorUnits(exact(value)))) === (value < 0n ? -rounded : rounded);
  }),
);

t.test('the last double whose thousandths are distinguishable, and the first that is not', (t) => {
  t.equal(JSON.stringify(pieces(999_999_999_999_999)), '999999999999.999');
  t.equal(JSON.stringify(pieces(9_007_199_254_740_991)), '9007199254740.991');
  t.end();
});
