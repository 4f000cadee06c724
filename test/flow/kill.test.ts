/** kill -9 of agents and of the collector during a replay, the tills repeating with the same refs: each event is counted once. */
import t from 'tap';
import { Till } from '../../scripts/till.ts';
import { LossyLine } from './harness/lossy-line.ts';
import { Region } from './harness/region.ts';
import { countedOnce } from './harness/survival.ts';
import { missingData } from './oracle/data-file.ts';

/** With a bad-debt adjustment among them. */
const DAYS = { from: '2011-08-08', to: '2011-08-17' };
const TERMINALS = ['till-1', 'till-2'];

t.test('kill -9 of agents and of the collector during a replay', { skip: missingData() }, async (t) => {
  await using region = await Region.start({ folder: t.testdir(), merchant: 'online-retail', terminals: TERMINALS });
  const collector = { name: 'collector', run: () => region.killCollector() };
  const agents = TERMINALS.map((name, index) => ({ name, run: () => region.killAgent(index) }));
  const together = {
    name: 'all',
    run: async () => void (await Promise.all([collector, ...agents].map((s) => s.run()))),
  };
  const round = [collector, ...agents];
  await countedOnce(t, {
    region,
    strikes: [...round, ...round, together, ...round],
    tills: region.tills,
    days: DAYS,
    storedMs: 60_000,
  });
});

t.test('answers lost on their way back to the till', { skip: missingData() }, async (t) => {
  await using region = await Region.start({ folder: t.testdir(), merchant: 'online-retail', terminals: TERMINALS });
  const lines = await Promise.all(region.agents.map((agent) => LossyLine.laid(new URL(agent.url), 3)));
  const tills = lines.map(({ url }) => new Till(url, Math.random));
  t.teardown(async () => {
    await Promise.all(tills.map((till) => till.close()));
    for (const line of lines) line.close();
  });
  const { duplicates } = await countedOnce(t, { region, strikes: [], tills, days: DAYS, storedMs: 60_000 });
  t.ok(duplicates > 50, `${duplicates} repeats were known to the agents`);
});
