import type { Test } from 'tap';
import { ROLLUP_LIMITS } from '../../../collector/rollup/limits.ts';
import type { ParkedPart, ParkedRecord } from '../../../collector/store/parked-hours.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { dearRows } from '../../support/region/dear-rows.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const { attemptPause, parkedRetry } = ROLLUP_LIMITS;

const recordOf = async (region: Region): Promise<ParkedRecord | null> =>
  region.parked.read({ merchant: region.merchant, level: 'hour', time: HOUR });

/** A merchant whose hour is dear, three hours later. */
async function withDearHour(tables: Tables): Promise<Region> {
  const region = new Region(tables);
  await region.deliver(...dearRows(region));
  region.now = (HOUR + 3) * HOUR_MS;
  return region;
}

export async function attemptsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a parked terminal whose next try is due stays parked while others are rolled up', async (t) => {
    const region = new Region(tables);
    const bad = region.events('bad', 1, salesIn(HOUR, [1]));
    await region.deliver(bad, region.events('good', 1, salesIn(HOUR, [2])));
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    region.now = (HOUR + 3) * HOUR_MS;
    await region.pass();
    const { retryAt } = (await recordOf(region))!.parts[0]!;
    // Its mark is of the minute after.
    region.now = retryAt - MINUTE_MS;
    await region.mark(HOUR, 'good');
    t.match(await region.pass(), { hours: 1, parked: 0 });
    t.match(await recordOf(region), { parts: [{ terminal: 'bad', attempts: 1, retryAt }] });
    region.now = retryAt + MINUTE_MS;
    t.match(await region.pass(), { hours: 1, parked: 1 });
    const [part] = (await recordOf(region))!.parts;
    t.match(part, { attempts: 2 });
    t.equal(part!.retryAt - region.now, 2 * parkedRetry.value, 'the pause grows');
  });

  await t.test('an attempt that succeeds ends the row of those that ended with their process', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 3) * HOUR_MS;
    const place = { merchant: region.merchant, level: 'hour' as const, time: HOUR };
    await region.parked.write({ ...place, parts: [], startedAt: region.now - attemptPause.value, crashes: 1 }, null);
    t.match(await region.pass(), { hours: 1, failures: 0, parked: 0 });
    t.match(await recordOf(region), { startedAt: null, crashes: 0 });
  });

  await t.test('a note that the store does not take back is no end of the process', async (t) => {
    const region = await withDearHour(tables);
    let isAway = false;
    const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
      if (operation === 'checkAndPut' && table === 'rollups' && times-- > 0) isAway = true;
      if (isAway) throw new StoreUnavailable('away');
      return make();
    });
    let times = ROLLUP_LIMITS.crashesBeforeParked.value + 1;
    const runner = region.runner({ ...stores(region.through(hooked)) });
    for (let outage = 0; outage <= ROLLUP_LIMITS.crashesBeforeParked.value; outage++) {
      region.now = (minuteOf(region.now) + 1) * MINUTE_MS;
      await runner.runDue().catch(() => undefined);
      t.not((await recordOf(region))!.startedAt, null, 'its note stayed');
      isAway = false;
    }
    region.now += MINUTE_MS;
    t.match(await runner.runDue(), { hours: 1, failures: 0, parked: 0 }, 'the next pass tries');
    t.match(await recordOf(region), { parts: [], startedAt: null, crashes: 0 });
    await t.resolves(region.check('hour', HOUR));
  });

  await t.test('a runner that stops abandons its attempt, and takes the note back', async (t) => {
    const region = await withDearHour(tables);
    const stopped: Promise<void>[] = [];
    const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
      const result = await make();
      if (operation === 'checkAndPut' && table === 'control') stopped.push(runner.stop());
      return result;
    });
    const runner = region.runner({ ...stores(region.through(hooked)) });
    region.now += MINUTE_MS;
    t.match(await runner.runDue(), { hours: 0, failures: 0, parked: 0, marks: 0 });
    await Promise.all(stopped);
    t.match(await recordOf(region), { parts: [], startedAt: null, crashes: 0 });
    t.equal(await region.revision('hour', HOUR), null);
    t.match(await region.pass(), { hours: 1, failures: 0 }, 'another one goes on at once');
  });

  await t.test('what is parked is recorded although another runner wrote the record meanwhile', async (t) => {
    const region = new Region(tables);
    const bad = region.events('bad', 1, salesIn(HOUR, [1]));
    await region.deliver(bad);
    await region.overwrite(bad, bad.bytes.subarray(0, -1));
    region.now = (HOUR + 3) * HOUR_MS;
    const other: ParkedPart = {
      ...{ terminal: region.events('other', 1, salesIn(HOUR, [1])).key.terminal, reason: 'cost', detail: '' },
      ...{ attempts: 1, since: region.now, retryAt: region.now + parkedRetry.value },
    };
    const place = { merchant: region.merchant, level: 'hour' as const, time: HOUR };
    let isFirst = true;
    const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
      if (operation === 'checkAndPut' && table === 'control' && isFirst) {
        isFirst = false;
        await region.parked.write({ ...place, parts: [other], startedAt: null, crashes: 0 }, null);
      }
      return make();
    });
    region.now += MINUTE_MS;
    t.match(await region.runner(stores(region.through(hooked))).runDue(), { failures: 0, parked: 1 });
    t.match((await recordOf(region))!.parts, [{ terminal: 'other' }, { terminal: 'bad' }]);
  });
}

const stores = ({ log, marks, rollups, parked }: Region) => ({ log, marks, rollups, parked });
