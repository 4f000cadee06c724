/** A short restore drill on SQLite; `npm run campaign -- restore-drill` is the long one, on HBase. */
import t from 'tap';
import { restoreDrill } from '../../../scripts/campaigns/restore-drill/restore-drill.ts';

// A machine with two cores that runs other tests beside it.
t.setTimeout(300_000);

t.test('yesterday’s backup and what the tills still keep make every figure right again', async (t) => {
  const settings = {
    folder: t.testdir(),
    store: 'sqlite',
    tills: 1,
    seed: 3,
    forgets: false,
    snapshots: false,
  } as const;
  const { steps, faults } = await restoreDrill(settings, () => undefined);
  for (const { step, seconds, detail } of steps) t.comment(`${seconds} s ${step}: ${detail}`);
  t.same(faults, []);
});
