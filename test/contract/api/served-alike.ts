import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { METRIC_NAMES } from '../../../collector/api/figures/metric-catalog.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { INTERVALS } from '../../../shared/time.ts';
import { arbitraryEvent, HOUR } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';
import { expectedSeries } from './series-oracle.ts';

const DAY = Math.floor(HOUR / 24);
/** On both sides of a day's end. */
const HOURS = [HOUR - 2, HOUR - 1, HOUR, HOUR + 1];
const TERMINALS = ['a', 'a-b', 'b'];

const batches = fc.array(
  fc.tuple(fc.constantFrom(...HOURS), fc.constantFrom(...TERMINALS)).chain(([hour, terminal]) =>
    fc.record({
      terminal: fc.constant(terminal),
      events: fc.array(arbitraryEvent(hour), { minLength: 1, maxLength: 8 }),
    }),
  ),
  { maxLength: 10 },
);

const DIMENSIONS = ['terminal', 'store', 'type', 'method', 'cashier'] as const;
const VALUES: Readonly<Record<(typeof DIMENSIONS)[number], readonly string[]>> = {
  terminal: TERMINALS,
  store: ['france', 'leeds'],
  type: ['sale', 'refund', 'void'],
  method: ['upi', '', 'a,b', '~'],
  cashier: ['c1', 'c2'],
};

const queries = fc.record({
  metrics: fc.oneof(fc.constant(METRIC_NAMES), fc.subarray(METRIC_NAMES, { minLength: 1, maxLength: 3 })),
  interval: fc.constantFrom(...INTERVALS),
  tz: fc.constantFrom('UTC', 'Europe/London', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe'),
  /** Quarter hours from 21:00 the evening before. */
  range: fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 40 })),
  by: fc.option(fc.constantFrom(...DIMENSIONS), { nil: undefined }),
  filters: fc.uniqueArray(
    fc.constantFrom(...DIMENSIONS).chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...VALUES[name]))),
    { maxLength: 3, selector: ([name]) => name },
  ),
});

/**
 * Any question gives what a naive count gives: folded from the raw log, from rows of hours, from
 * rows of days.
 */
export async function servedAlikeContract(t: Test, tables: Tables, numRuns = 25): Promise<void> {
  const property = fc.asyncProperty(
    batches,
    fc.array(queries, { minLength: 3, maxLength: 6 }),
    async (batches, queries) => {
      const region = new Region(tables);
      for (const [i, { terminal, events }] of batches.entries())
        await region.append(region.events(terminal, 1 + i * 100, events));
      const api = await Api.open(region);
      const sold = batches.flatMap(({ terminal, events }) => events.map((event) => ({ terminal, event })));
      const checkAll = async (how: string): Promise<void> => {
        for (const { metrics, interval, tz, range, by, filters } of queries) {
          const from = (HOUR - 3) * 3_600_000 + range[0] * 900_000;
          const to = from + range[1] * 900_000;
          const query: Query = {
            ...{ metrics: metrics.join(), interval, tz },
            ...{ from: new Date(from).toISOString(), to: new Date(to).toISOString() },
            ...(by !== undefined && { by }),
            filter: filters.map(([name, value]) => `${name}:${value}`),
          };
          const { series } = await api.get('metrics', query);
          const expected = expectedSeries(sold, { metrics, interval, tz, from, to, by: by ?? null, filters });
          assert.deepEqual(series, expected, `${how}: ${JSON.stringify(query)}`);
        }
      };
      region.now = (DAY + 3) * 86_400_000;
      await checkAll('folded');
      for (const { key } of region.delivered) await region.mark(key.hour, key.terminal);
      await region.pass();
      await checkAll('by the hour');
      await region.passDay(DAY);
      await checkAll('by the day');
      await region.checkAll();
      await api.close();
    },
  );
  const run = await fc.check(property, { numRuns });
  t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
}
