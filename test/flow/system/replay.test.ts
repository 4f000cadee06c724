/**
 * Two weeks of real transactions, replayed through real tills, agents and a collector, beside figures that the oracle works out from the
 * file without the product's code. Summer time began in London on 27 March 2011.
 */
import path from 'node:path';
import t, { type Test } from 'tap';
import { ADJUSTMENTS } from '../../../scripts/datasets/online-retail/extracts.ts';
import { runJson } from '../../../scripts/processes/run-json.ts';
import { byDay, byHour, byStore, type Compared, mismatches, topTen } from '../../support/oracle/compare.ts';
import { dataFile } from '../../support/oracle/data-file.ts';
import { type Invoice, readInvoices } from '../../support/oracle/invoices.ts';
import { ZONES } from '../../support/oracle/zones.ts';
import { NEVER, Region } from '../../support/system/region.ts';
import { rollUp } from '../../support/system/roll-up.ts';

const MERCHANT = 'online-retail';
/** Local days in London; the last one exclusive. */
const PLAYED = { from: '2011-03-20', to: '2011-04-04' };
/** A day more on either side: what lies there must be empty. */
const ASKED = { from: '2011-03-19', to: '2011-04-05' };

// A small machine takes seconds for each start.
t.setTimeout(300_000);

t.test('a replay of the weeks around the change to summer time', async (t) => {
  const folder = t.testdir();
  const invoices = readInvoices(dataFile(), PLAYED.from, PLAYED.to);
  await using region = await Region.start({ folder, merchant: MERCHANT, terminals: [], cron: NEVER });
  const { config } = region.collector;
  const days = ['--from', PLAYED.from, '--to', PLAYED.to];
  const place = ['--config', config, '--merchant', MERCHANT, '--dir', path.join(folder, 'replay')];

  const report = await runJson('scripts/replay/main.ts', [dataFile(), ...days, ...place, '--json']);
  t.match(report, { sent: invoices.length, accepted: invoices.length, differences: [] }, 'its own report is clean');
  await t.test('a day with bad-debt adjustments, played later', async (t) => {
    const asked = { from: '2011-08-11', to: '2011-08-14' };
    const adjusted = readInvoices(ADJUSTMENTS, asked.from, asked.to);
    t.match(await runJson('scripts/replay/main.ts', [ADJUSTMENTS, ...place, '--json']), { accepted: adjusted.length });
    t.strictSame(mismatches(await byHour(region.api, adjusted, asked)), [], 'every hour is exact');
  });
  await t.test('figures folded from the raw log', (t) => compareAll(t, region, invoices));

  const { hours, days: rolledDays } = await rollUp(config);
  t.ok(hours > 100 && rolledDays >= 13, `${hours} hours and ${rolledDays} days were rolled up`);
  await t.test('figures of hours and days rolled up', (t) => compareAll(t, region, invoices));
});

async function compareAll(t: Test, { api }: Region, invoices: readonly Invoice[]): Promise<void> {
  const same = (compared: Compared, what: string) => t.strictSame(mismatches(compared), [], what);
  same(await byHour(api, invoices, ASKED), 'every hour is exact');
  for (const zone of ZONES) same(await byDay(api, invoices, ASKED, zone), `every local day in ${zone} is exact`);
  same(await byStore(api, invoices, ASKED, 'Europe/London'), 'every store is exact');
  for (const by of ['amount', 'quantity'] as const)
    same(await topTen(api, invoices, ASKED, by), `the top ten by ${by} are right`);
}
