/** A tenth of the campaign `corruption` (`npm run campaign -- corruption`): whatever is done to its files, a buffer opens, and loses only what was hit. */
import t from 'tap';
import { corrupt } from '../../../scripts/campaigns/corruption/corruption.ts';

t.setTimeout(300_000);

t.test('fifty harmed buffers open, offer only what was accepted, and lose only what was hit', async (t) => {
  const { figures, faults } = await corrupt(t.testdir(), { runs: 50, seed: 5 }, () => undefined);
  t.strictSame(faults, []);
  t.equal(figures.runs, 50);
  t.ok(figures.salvages > 10, 'files were set aside');
  t.ok(figures.lost > 0 && figures.lost <= figures.unreadable, 'some was lost, none of it readable');
  t.comment(JSON.stringify(figures));
});
