/** A tenth of the campaign `kills` (`npm run campaign -- kills`): kill -9 of agents under load, judged from outside. */
import t from 'tap';
import { kills } from '../../../scripts/campaigns/kills/kills.ts';

t.setTimeout(300_000);

t.test('20 kill -9 at random moments under load: every answered sale is stored once', async (t) => {
  const { figures, faults } = await kills(t.testdir(), { kills: 20, agents: 2, seed: 20 }, () => undefined);
  t.strictSame(faults, []);
  t.equal(figures.stored, figures.sold);
  t.ok(figures.starts > 10, `${figures.starts} starts sold, each under an epoch of its own`);
  t.ok(figures.repeats > 0, `the tills had to repeat ${figures.repeats} times`);
  t.comment(JSON.stringify(figures));
});
