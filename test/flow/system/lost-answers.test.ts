/** Answers lost between an agent's commit and its till: the till repeats with the same refs, and each event is counted once. */
import t from 'tap';
import { Till } from '../../../scripts/clients/till.ts';
import { countedOnce } from '../../support/system/count-once.ts';
import { Line, losing } from '../../support/system/proxy-line.ts';
import { Region } from '../../support/system/region.ts';

const DAYS = { from: '2011-03-28', to: '2011-04-02' };
const TERMINALS = ['till-1', 'till-2'];

// A small machine takes seconds for each start.
t.setTimeout(300_000);

t.test('answers lost on their way back to the till', async (t) => {
  await using region = await Region.start({ folder: t.testdir(), merchant: 'online-retail', terminals: TERMINALS });
  const lines = await Promise.all(region.agents.map(({ url }) => Line.laid(Number(new URL(url).port), losing(3))));
  const tills = lines.map(({ port }) => new Till(`http://127.0.0.1:${port}`, Math.random));
  t.teardown(async () => {
    await Promise.all(tills.map((till) => till.close()));
    for (const line of lines) line.close();
  });
  const { duplicates } = await countedOnce(t, { region, strikes: [], tills, days: DAYS, storedMs: 60_000 });
  t.ok(duplicates > 50, `${duplicates} repeats were known to the agents`);
});
