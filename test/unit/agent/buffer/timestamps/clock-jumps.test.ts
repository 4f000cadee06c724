import t from 'tap';
import { detectClockJumps, type Stamped } from '../../../../../agent/buffer/timestamps/clock-jumps.ts';
import { DAY_MS, HOUR_MS } from '../../../../../shared/time.ts';

const SECOND = 1_000;
const stamps = (...times: readonly number[]): Stamped[] => times.map((at, id) => ({ id, at }));

t.test(
  'a clock that went evenly was not set, whatever the order of requests and however long the shop was closed',
  async (t) => {
    t.same(detectClockJumps([], null), { ids: [], latest: null });
    t.same(detectClockJumps(stamps(0, 5, 5, 9 * SECOND, 2 * SECOND, 7 * DAY_MS), null), {
      ids: [],
      latest: 7 * DAY_MS,
    });
  },
);

t.test('back, and further ahead than a shop is closed', async (t) => {
  const set = stamps(HOUR_MS, HOUR_MS + 1, 0, 1, 8 * DAY_MS, 8 * DAY_MS - 9 * SECOND, 2);
  t.same(detectClockJumps(set, null), { ids: [2, 4, 6], latest: 2 });
});

t.test('many small steps back are one', async (t) => {
  t.same(
    detectClockJumps(
      stamps(20, 16, 12, 8, 4).map(({ id, at }) => ({ id, at: at * SECOND })),
      null,
    ).ids,
    [3],
  );
});

t.test('it goes on where it was', async (t) => {
  const all = stamps(10, 12, 3 * DAY_MS, 4 * DAY_MS, 1, 2, 99 * DAY_MS);
  const whole = detectClockJumps(all, null);
  for (let cut = 0; cut <= all.length; cut++) {
    const first = detectClockJumps(all.slice(0, cut), null);
    const second = detectClockJumps(all.slice(cut), first.latest);
    t.same({ ids: [...first.ids, ...second.ids], latest: second.latest }, whole);
  }
});
