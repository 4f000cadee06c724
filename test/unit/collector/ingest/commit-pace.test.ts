import t from 'tap';
import { CommitPace } from '../../../../collector/ingest/commit-pace.ts';

t.test('the p99 of the commits since the last time is published, while there are any', async (t) => {
  const published: { at: number; p99: number }[] = [];
  const state = { isAway: false };
  const pace = new CommitPace({
    commitTimes: {
      publish: async (_process, time) => {
        if (state.isAway) throw new Error('away');
        published.push(time);
      },
    },
    now: () => 7,
  });
  await pace.publish();
  t.same(published, []);
  for (let ms = 1; ms <= 200; ms++) pace.add((201 - ms) / 1_000);
  await pace.publish();
  pace.add(0.005);
  await pace.publish();
  t.same(published, [
    { at: 7, p99: 198 },
    { at: 7, p99: 5 },
  ]);
  pace.add(1);
  state.isAway = true;
  await t.resolves(pace.publish(), 'what a build does not hear, it does not know');
});
