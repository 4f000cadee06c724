import t from 'tap';
import { AdaptiveLimit } from '../../../../../agent/buffer/capacity/adaptive-limit.ts';

t.test('a portion is halved until it fits, and grows again by a quarter', async (t) => {
  const size = new AdaptiveLimit(200);
  const lacking = Array.from({ length: 9 }, () => {
    size.halve();
    return size.now;
  });
  t.same(lacking, [100, 50, 25, 13, 7, 4, 2, 1, 1]);
  const fitting = Array.from({ length: 6 }, () => {
    size.grow();
    return size.now;
  });
  t.same(fitting, [2, 3, 4, 5, 7, 9]);
  size.reset();
  size.grow();
  t.equal(size.now, 200, 'never beyond the most');
});

t.test('what was tried counts, whatever others found out meanwhile', async (t) => {
  const size = new AdaptiveLimit(200);
  size.halve(40);
  t.equal(size.now, 20);
  size.grow(80);
  t.equal(size.now, 100);
});
