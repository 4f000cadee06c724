/** A tenth of the campaign `lines` (`npm run campaign -- lines`): bad lines drain, and each byte goes about once. */
import t from 'tap';
import { lines } from '../../../scripts/campaigns/lines/lines.ts';
import { scenario } from '../../../scripts/campaigns/lines/scenarios.ts';

t.setTimeout(240_000);

t.test('narrow, lossy and dead lines drain in their own time, each byte sent about once', async (t) => {
  const scenarios = [
    // Its sales take longer than the thirty seconds within which the collector has to answer.
    scenario('narrow', { bytesPerSecond: 360 }, { sales: 720 }),
    scenario('far', { bytesPerSecond: 1_000, rttMs: 1_500 }, { sales: 800 }),
    scenario('least', { bytesPerSecond: 200, rttMs: 600 }, { sales: 150 }),
    scenario('lossy', { bytesPerSecond: 4_000, rttMs: 300, loss: 0.02 }, { sales: 2_000 }),
    scenario('large', { bytesPerSecond: 2_500 }, { sales: 300, large: true }),
    // Its large sale takes longer than one and a half keep-alives.
    scenario('large-slow', { bytesPerSecond: 360 }, { sales: 20, large: true }),
    // Cut once; then it is known.
    scenario('idle', { bytesPerSecond: 4_000, idleCutMs: 22_500 }, { sales: 10, laterEveryMs: [23_500, 23_500] }),
    scenario('half-open-idle', {}, { sales: 10, silentIdle: true, laterEveryMs: [1_000, 1_000] }),
    scenario('portal', { bytesPerSecond: 4_000 }, { sales: 300, portalMs: 5_000 }),
  ];
  const options = { scenarios, seed: 1, deadlineMs: 150_000 };
  const { figures, results, faults } = await lines(t.testdir(), options, () => undefined);
  t.strictSame(faults, []);
  t.equal(figures.lines, scenarios.length);
  const outcome = (name: string) => results.find(({ scenario }) => scenario.name === name)!.outcome;
  t.equal(outcome('narrow').connections, 1, 'a slow line is not taken for a dead one');
  t.equal(outcome('large-slow').connections, 1, 'a packet that takes long is no silence');
  t.equal(outcome('idle').connections, 2, 'a path that cuts idle connections is learned by the first cut');
  const { smallStoredMs, drainedMs } = outcome('large');
  t.ok(smallStoredMs! < 0.75 * drainedMs, `the small sales passed the large one: ${smallStoredMs} of ${drainedMs} ms`);
  t.comment(JSON.stringify(figures));
});
