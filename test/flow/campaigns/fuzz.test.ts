/** A short run of the campaign `fuzz` (`npm run campaign -- fuzz`): wrong input from all sides, and the agent goes on. */
import t from 'tap';
import { fuzz } from '../../../scripts/campaigns/fuzz/fuzz.ts';

t.setTimeout(120_000);

t.test('wrong bodies, connections, acks and configurations end no agent, and no card number is written', async (t) => {
  const { figures, faults } = await fuzz(t.testdir(), { seconds: 8, seed: 3 }, () => undefined);
  t.strictSame(faults, []);
  t.ok(figures.bursts > 1);
  t.ok(figures.acks > 0, 'the collector lied');
  for (const status of [201, 400]) t.ok(figures.answers[status]! > 0, `some were answered ${status}`);
  t.ok(figures.configurationsAccepted < figures.configurations);
  t.comment(JSON.stringify(figures));
});
