import t from 'tap';
import { judgeSegments } from '../../../../../agent/buffer/timestamps/judge-segments.ts';
import { DAY_MS, HOUR_MS } from '../../../../../shared/time.ts';
import { NOW } from '../../../../support/agent/events.ts';

const YEARS_MS = 3_652 * DAY_MS;
/** The steady clock shows one hour. */
const TRUE_ORIGIN = NOW - HOUR_MS;
const truth = { boot: 'now', origin: TRUE_ORIGIN, at: NOW, toleranceMs: 10_000 };
const own = (error: number) => ({ boot: 'now', origin: TRUE_ORIGIN + error, latestAt: NOW - 60_000 + error });
const earlier = (boot: string, latestAt: number | null, origin = 0) => ({ boot, origin, latestAt });
const RIGHT = { kind: 'right' };

t.test('a segment of this boot is judged exactly', async (t) => {
  t.same(judgeSegments([own(0), own(10_000), own(-10_000)], truth, NOW, 0), [RIGHT, RIGHT, RIGHT]);
  for (const error of [10_001, -10_001, YEARS_MS, -YEARS_MS])
    t.same(judgeSegments([own(error)], truth, NOW, 0), [{ kind: 'wrong', truth: TRUE_ORIGIN }]);
  t.same(judgeSegments([{ ...own(YEARS_MS), latestAt: null }], truth, NOW, 0), [{ kind: 'wrong', truth: TRUE_ORIGIN }]);
});

t.test('of another boot what is possible is taken for right', async (t) => {
  t.same(judgeSegments([earlier('a', NOW - YEARS_MS), earlier('a', NOW + 10_000), earlier('b', null)], truth, NOW, 0), [
    RIGHT,
    RIGHT,
    RIGHT,
  ]);
});

t.test('of another boot what is impossible', async (t) => {
  t.test('goes by a possible segment of its boot', async (t) => {
    const segments = [earlier('a', NOW + YEARS_MS, YEARS_MS + 77), earlier('a', NOW - DAY_MS, 77), own(0)];
    t.same(judgeSegments(segments, truth, NOW, -YEARS_MS), [{ kind: 'wrong', truth: 77 }, RIGHT, RIGHT]);
  });

  t.test('or by the error that the machine has now, of a clock that stayed wrong', async (t) => {
    const segments = [earlier('a', NOW + YEARS_MS - DAY_MS, YEARS_MS + 77), own(YEARS_MS)];
    t.same(judgeSegments(segments, truth, NOW, -YEARS_MS), [
      { kind: 'wrong', truth: 77 },
      { kind: 'wrong', truth: TRUE_ORIGIN },
    ]);
  });

  t.test('or keeps its times, where neither makes them possible', async (t) => {
    const segments = [earlier('a', NOW + YEARS_MS, 5), earlier('b', NOW - DAY_MS, 0), own(HOUR_MS)];
    t.same(judgeSegments(segments, truth, NOW, -HOUR_MS)[0], { kind: 'wrong', truth: 5 });
  });
});

t.test("a boot's name that came twice does not make two boots one", async (t) => {
  // By the clock of this boot it would have happened in a day from now.
  const twin = { boot: 'now', origin: TRUE_ORIGIN - YEARS_MS, latestAt: NOW - YEARS_MS + DAY_MS };
  t.same(judgeSegments([twin], truth, NOW, 0), [RIGHT]);
});
