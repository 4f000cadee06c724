import { join } from 'node:path';
import t from 'tap';
import { NearbyHours } from '../../../../../collector/api/losses/nearby-hours.ts';
import { openSqliteTables } from '../../../../../collector/store/sqlite/sqlite-tables.ts';
import { HOUR } from '../../../../support/collector/till-events.ts';
import { HookedTables } from '../../../../support/region/hooked-tables.ts';
import { Region } from '../../../../support/region/region.ts';
import { salesIn } from '../../../../support/region/sales.ts';

const REACH = 5;
const WITH_ROWS = [0, 1, 2, 3, 4, 7, 9, 10, 14, 30, 31, 36, 60].map((by) => HOUR + by);

const tables = await openSqliteTables({ path: join(t.testdir(), 'store.db') });
await tables.init();
t.teardown(() => tables.close());
let scans = 0;
const counted = new HookedTables(tables, async (_call, make) => {
  scans++;
  return make();
});
const region = new Region(counted);
for (const hour of WITH_ROWS) await region.append(region.events('a', 1 + hour - HOUR, salesIn(hour, [1])));

t.test('going back in any steps, the hours with rows around each come, the nearest first', async (t) => {
  for (const step of [1, 2, 3, 4, 9, 11, 12, 40]) {
    const around = new NearbyHours(region.log, region.merchant, REACH);
    for (let hour = HOUR + 66; hour > HOUR - 8; hour -= step) {
      const expected = WITH_ROWS.filter((other) => Math.abs(other - hour) <= REACH);
      const found = await around.of(hour);
      t.same(found.toSorted(), expected, `${hour - HOUR}`);
      const distances = found.map((other) => Math.abs(other - hour));
      t.same(
        distances,
        distances.toSorted((a, b) => a - b),
      );
    }
  }
});

t.test('an hour is queried once', async (t) => {
  const around = new NearbyHours(region.log, region.merchant, REACH);
  await around.of(HOUR + 6);
  scans = 0;
  await around.of(HOUR + 6);
  t.equal(scans, 0);
  await around.of(HOUR + 5);
  t.equal(scans, 1, 'one more hour');
});

t.test('before the first hour there is nothing', async (t) => {
  t.same(await new NearbyHours(region.log, region.merchant, REACH).of(0), []);
});
