import t from 'tap';
import { RecentMarks } from '../../../../../collector/rollup/passes/recent-marks.ts';

const NONE = Number.POSITIVE_INFINITY;

t.test('a salt is listed as a whole first, then from the minute of the last list on', async (t) => {
  const recent = new RecentMarks();
  t.equal(recent.from(3, 1_000), 0);
  recent.listed(3, 1_000, NONE);
  t.equal(recent.from(3, 1_000), 1_000);
  t.equal(recent.from(3, 1_001), 1_000);
  recent.listed(3, 1_001, NONE);
  t.equal(recent.from(3, 1_002), 1_001);
  t.equal(recent.from(4, 1_002), 0, 'of another one nothing is known');
});

t.test('what was not done is listed again, for as long as it is live', async (t) => {
  const recent = new RecentMarks();
  recent.listed(3, 1_000, 990);
  t.equal(recent.from(3, 1_001), 990);
  t.equal(recent.from(3, 1_110), 990);
  t.equal(recent.from(3, 1_200), 1_080);
  recent.listed(3, 1_200, NONE);
  t.equal(recent.from(3, 1_201), 1_200);
});

t.test('a clock that is set back lists its minutes again, and those that follow', async (t) => {
  const recent = new RecentMarks();
  recent.listed(3, 1_000, NONE);
  t.equal(recent.from(3, 900), 900);
  recent.listed(3, 900, NONE);
  t.equal(recent.from(3, 901), 900);
});
