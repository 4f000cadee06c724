/** Real transactions through a region under fire; afterwards every one of them must be counted exactly once. */
import type { Test } from 'tap';
import type { Till } from '../../../scripts/clients/till.ts';
import { readTrade } from '../../../scripts/datasets/online-retail/read-transactions.ts';
import type { Tally } from '../../../scripts/replay/player.ts';
import { byHour, byStore, type Days, mismatches, refs, untilStored } from '../oracle/compare.ts';
import { dataFile } from '../oracle/data-file.ts';
import { readInvoices } from '../oracle/invoices.ts';
import { playThrough, type Strike } from './kill-schedule.ts';
import type { Region } from './region.ts';
import { rollUp } from './roll-up.ts';

export interface Survival {
  readonly region: Region;
  readonly strikes: readonly Strike[];
  readonly tills: readonly Till[];
  /** Local days in London. */
  readonly days: Days;
  /** How long the agents may take to hand over what they keep after the last kill. */
  readonly storedMs: number;
}

export async function countedOnce(t: Test, { region, strikes, tills, days, storedMs }: Survival): Promise<Tally> {
  const { api } = region;
  const invoices = readInvoices(dataFile(), days.from, days.to);

  const { tally, struck } = await playThrough(readTrade(dataFile(), days), invoices.length, tills, strikes);
  await untilStored(api, invoices.length, days, storedMs);
  await rollUp(region.collector.config);
  const hours = await byHour(api, invoices, days);
  const stores = await byStore(api, invoices, days, 'Europe/London');
  const raw = await refs(api, invoices, days);

  const planned = strikes.map(({ name }) => name);
  if (planned.length > 0) t.strictSame(struck, planned, `${struck.length} kills fell while the tills were selling`);
  t.equal(tally.sent, invoices.length, 'the tills handed over every event');
  t.strictSame(mismatches(hours), [], 'every hour is exact');
  t.strictSame(mismatches(stores), [], 'every store is exact');
  t.strictSame(mismatches(raw), [], 'the raw events hold each ref once');
  t.comment(`${tally.sent} events, ${tally.retries} repeats, ${tally.duplicates} of them known already`);
  return tally;
}
