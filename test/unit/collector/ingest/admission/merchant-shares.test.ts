import t from 'tap';
import { MerchantShares } from '../../../../../collector/ingest/admission/merchant-shares.ts';

t.test('one merchant alone holds half, and each newcomer half of what is left', async (t) => {
  const shares = new MerchantShares(64);
  const takeAll = (merchant: string): number => {
    let taken = 0;
    while (shares.take(merchant, 1)) taken++;
    return taken;
  };
  t.same(['a', 'b', 'c', 'd', 'e'].map(takeAll), [32, 16, 8, 4, 2]);
  t.equal(shares.taken, 62);
  shares.release('a', 32);
  t.same(['f', 'a'].map(takeAll), [17, 8]);
});

t.test('who holds fewer than before may always do so, and what is not held is forgotten', async (t) => {
  const shares = new MerchantShares(10);
  t.ok(shares.take('a', 5));
  t.ok(shares.take('b', 2));
  t.same(shares.of('a'), { held: 5, max: 4 });
  t.ok(shares.take('a', -1));
  t.notOk(shares.take('a', 1));
  shares.release('a', 4);
  t.same(shares.of('a'), { held: 0, max: 4 });
});
