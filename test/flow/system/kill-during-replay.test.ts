/**
 * kill -9 of agents and of the collector during a replay, the tills repeating with the same refs: each event is counted once. They strike
 * at the moments at which something has just been promised, or is about to be.
 */
import t from 'tap';
import { countedOnce } from '../../support/system/count-once.ts';
import type { Strike } from '../../support/system/kill-schedule.ts';
import { Region } from '../../support/system/region.ts';

/** With the change to summer time among them. */
const DAYS = { from: '2011-03-23', to: '2011-03-30' };
const TERMINALS = ['till-1', 'till-2'];
const STORED_MS = 60_000;

// A small machine takes seconds for each start.
t.setTimeout(300_000);

/** Each kills once. */
function killsOf(region: Region): Strike[] {
  const { shipping, selling } = region;
  const collector = () => region.killCollector();
  const agent = (index: number) => () => region.killAgent(index);
  const all = () => Promise.all([collector(), agent(0)(), agent(1)()]);
  return [
    { name: 'the collector, as it acknowledges', run: () => shipping.onNext('back', collector) },
    { name: 'the first agent, as it answers', run: () => selling[0]!.onNext('back', agent(0)) },
    { name: 'the collector, as a batch arrives', run: () => shipping.onNext('there', collector) },
    { name: 'the second agent, as a till posts', run: () => selling[1]!.onNext('there', agent(1)) },
    { name: 'the second agent, as an ack arrives', run: () => shipping.onNext('back', agent(1)) },
    { name: 'all at once, as a batch leaves', run: () => shipping.onNext('there', all) },
  ];
}

t.test('kill -9 of agents and of the collector during a replay', async (t) => {
  await using region = await Region.start({ folder: t.testdir(), merchant: 'online-retail', terminals: TERMINALS });
  const strikes = [...killsOf(region), ...killsOf(region)];
  const { retries } = await countedOnce(t, { region, strikes, tills: region.tills, days: DAYS, storedMs: STORED_MS });
  t.ok(retries > 0, `the tills had to repeat ${retries} times`);
});
