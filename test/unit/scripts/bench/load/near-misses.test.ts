import t from 'tap';
import { NEAR_MISSES } from '../../../../../scripts/bench/load/near-misses.ts';
import { falsePositives } from '../../../../../scripts/bench/sections/card-masking.ts';

const { rows } = falsePositives(2_000);
const share = (what: string): number =>
  rows.find((row) => row['near miss'] === what)?.['taken for a card, %'] as number;

t.test('none of the numbers that say by themselves what they are is taken for a card number', async (t) => {
  for (const { what, mustPass } of NEAR_MISSES) if (mustPass) t.equal(share(what), 0, what);
});
