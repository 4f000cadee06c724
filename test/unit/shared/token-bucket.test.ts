import t from 'tap';
import { TokenBucket } from '../../../shared/token-bucket.ts';

t.test('a bucket gives its burst at once, then what comes in, and never more than its burst', async (t) => {
  let now = 0;
  const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, () => now);
  t.same(
    [1, 2, 3, 4].map(() => bucket.take()),
    [true, true, true, false],
  );
  now = 500;
  t.same([bucket.take(), bucket.take()], [true, false]);
  now = 1e9;
  t.notOk(bucket.take(4), 'never more than its burst');
  t.ok(bucket.take(3));
});

t.test('what is given back can be taken again, and makes no burst larger', async (t) => {
  const bucket = new TokenBucket({ burst: 2, perSecond: 1 }, () => 0);
  bucket.take(2);
  t.equal(bucket.available, 0);
  bucket.giveBack();
  t.notOk(bucket.isFull);
  t.equal(bucket.available, 1);
  bucket.giveBack(5);
  t.ok(bucket.isFull);
  t.equal(bucket.available, 2);
});
