import type { Test } from 'tap';
import { ROLLUP_LIMITS } from '../../../collector/rollup/limits.ts';
import type { ParkedRecord } from '../../../collector/store/parked-hours.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { amplifiedRow } from '../../support/collector/amplified-row.ts';
import type { SentRow } from '../../support/collector/raw-rows.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { dearRows } from '../../support/region/dear-rows.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = Math.floor(HOUR / 24);

/** Delivers a row that the store then damages. */
async function deliverDamaged(region: Region, row: SentRow): Promise<void> {
  await region.deliver(row);
  await region.overwrite(row, row.bytes.subarray(0, -1));
}

const recordsOf = (region: Region): Promise<ParkedRecord[]> =>
  Array.fromAsync(region.parked.of(region.merchant, { hour: { from: HOUR, to: HOUR + 24 }, day: { from: 0, to: 0 } }));

/** A till's sales, each of another cashier, who pays with a method of his own. */
const wideSales = (count: number, till = '') =>
  Array.from({ length: count }, (_, at) =>
    tillEvent({ ts: HOUR * HOUR_MS + at, dims: { method: `m${till}${at}`, cashier: `c${till}${at}` } }),
  );

/** Parks the hour as after runs that ended with their process. */
async function parkWhole(region: Region): Promise<void> {
  const { now } = region;
  const part = { terminal: null, reason: 'crash', detail: '', attempts: 1, since: now } as const;
  const parts = [{ ...part, retryAt: now + ROLLUP_LIMITS.parkedRetry.value }];
  const record = { merchant: region.merchant, level: 'hour', time: HOUR, parts, startedAt: null, crashes: 0 } as const;
  await region.parked.write(record, null);
}

export async function parkedContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a terminal with a row that cannot be read is parked; the others are published', async (t) => {
    const region = new Region(tables);
    const bad = region.events('bad', 1, salesIn(HOUR, [1]));
    const good = region.events('good', 1, salesIn(HOUR, [2]));
    await deliverDamaged(region, bad);
    await region.deliver(good);
    region.now = (HOUR + 3) * HOUR_MS;
    t.match(await region.pass(), { hours: 1, failures: 0, parked: 1, marks: 2 });
    await t.resolves(region.check('hour', HOUR, [good]));
    t.match(region.leftOut, [{ terminal: 'bad', reason: 'unreadable', detail: /raw row [0-9a-f]+ can't be read/ }]);
    t.match(await recordsOf(region), [{ time: HOUR, parts: [{ terminal: 'bad', attempts: 1 }], startedAt: null }]);
    t.match(await region.marksThrough(minuteOf(region.now) + 62), [{ time: HOUR, terminals: ['bad'] }], 'one try more');

    await region.overwrite(bad);
    await region.passDay(DAY);
    await t.resolves(region.checkAll(), 'once it can be read, all is there');
    t.same(await recordsOf(region), []);
  });

  await t.test('a row from before the bounds of a batch is not decoded: its terminal is parked', async (t) => {
    const region = new Region(tables);
    const good = region.events('good', 1, salesIn(HOUR, [2]));
    const bomb = amplifiedRow(690, 2_000, {
      ...good.key,
      // HBase keeps rows by their arrival.
      arrival: Date.now(),
      terminal: region.events('evil', 1, salesIn(HOUR, [1])).key.terminal,
    });
    await region.deliver(bomb, good);
    region.now = (HOUR + 3) * HOUR_MS;
    t.match(await region.pass(), { hours: 1, failures: 0, parked: 1 });
    t.match(region.leftOut, [{ terminal: 'evil', detail: /bytes unpacked are more than/ }]);
    await t.resolves(region.check('hour', HOUR, [good]));
  });

  await t.test('what is parked is tried again with growing pauses, however many marks name it', async (t) => {
    const region = new Region(tables);
    await deliverDamaged(region, region.events('bad', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 3) * HOUR_MS;
    t.match(await region.pass(), { parked: 1 });
    const [first] = await recordsOf(region);
    t.equal(first!.parts[0]!.retryAt - region.now, ROLLUP_LIMITS.parkedRetry.value);
    for (let minute = 0; minute < 3; minute++) {
      await region.mark(HOUR, 'bad');
      t.match(await region.pass(), { parked: 0, failures: 0, marks: 1 });
    }
    t.same(await recordsOf(region), [first], 'nobody tried');
    region.now += ROLLUP_LIMITS.parkedRetry.value;
    t.match(await region.pass(), { parked: 1 });
    const [second] = await recordsOf(region);
    t.match(second, { parts: [{ attempts: 2, since: first!.parts[0]!.since }] });
    t.equal(second!.parts[0]!.retryAt - region.now, 2 * ROLLUP_LIMITS.parkedRetry.value);
    t.equal((await region.marksThrough(2 ** 31)).filter(({ level }) => level === 'hour').length, 1);
  });

  await t.test('a part that was published stays when its terminal is parked later', async (t) => {
    const region = new Region(tables);
    const good = region.events('a', 1, salesIn(HOUR, [1]));
    await region.deliver(good);
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await deliverDamaged(region, region.events('a', 2, salesIn(HOUR, [2])));
    t.match(await region.pass(), { parked: 1 });
    await t.resolves(region.check('hour', HOUR, [good]));
  });

  await t.test('what came while an hour was parked as a whole is in its next try', async (t) => {
    const region = new Region(tables);
    await region.deliver(region.events('a', 1, salesIn(HOUR, [1])));
    region.now = (HOUR + 2) * HOUR_MS;
    await region.pass();
    await parkWhole(region);
    await region.deliver(region.events('b', 1, salesIn(HOUR, [2])));
    t.match(await region.pass(), { hours: 0, failures: 0 });
    region.now += ROLLUP_LIMITS.parkedRetry.value;
    await region.mark(HOUR, 'a');
    region.now += 2 * 60_000;
    await region.pass();
    await t.resolves(region.check('hour', HOUR), 'of b too, whose mark went by');
  });

  await t.test('a terminal whose figures alone exceed those of all terminals is parked, the others not', async (t) => {
    const region = new Region(tables);
    const pass = () => {
      region.now = (minuteOf(region.now) + 1) * MINUTE_MS;
      return region.runner({ mergeBytes: 400_000 }).runDue();
    };
    const good = ['a', 'm', 'z'].map((till, at) => region.events(till, 1, salesIn(HOUR, [at + 1])));
    await region.deliver(
      region.events('evil-1', 1, wideSales(400)),
      region.events('p-evil', 1, wideSales(500)),
      ...good,
    );
    region.now = (HOUR + 3) * HOUR_MS;
    t.match(await pass(), { hours: 1, failures: 0, parked: 2 });
    await t.resolves(region.check('hour', HOUR, good));
    t.match(region.leftOut, [
      { terminal: 'evil-1', reason: 'cost', detail: /its figures take [0-9]+ of the 400000 bytes/ },
      { terminal: 'p-evil', reason: 'cost' },
    ]);
    await region.deliver(region.events('m', 2, salesIn(HOUR, [7])));
    t.match(await pass(), { hours: 1, failures: 0, parked: 0 });
    t.same(await region.terminals('hour', HOUR), ['a', 'm', 'z'], 'it waits for its next try');
  });

  await t.test('an hour whose many terminals exceed their memory together is parked as a whole', async (t) => {
    const region = new Region(tables);
    const tills = Array.from({ length: 20 }, (_, at) => `till-${at}`);
    await region.deliver(...tills.map((till) => region.events(till, 1, wideSales(5, till))));
    region.now = (HOUR + 3) * HOUR_MS;
    await region.runner({ mergeBytes: 80_000 }).runDue();
    t.match(region.leftOut, [{ terminal: null, reason: 'cost' }]);
    t.equal(await region.revision('hour', HOUR), null);
  });

  await t.test('a dear hour is noted before it goes on, and the note is taken back', async (t) => {
    const region = new Region(tables);
    await region.deliver(...dearRows(region));
    region.now = (HOUR + 3) * HOUR_MS;
    const notes: (number | null | undefined)[] = [];
    const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
      const result = await make();
      const place = { merchant: region.merchant, level: 'hour' as const, time: HOUR };
      if (operation === 'checkAndPut' && table === 'control') notes.push((await region.parked.read(place))?.startedAt);
      return result;
    });
    const through = region.through(hooked);
    t.match(await through.pass(), { hours: 1, parked: 0, failures: 0 });
    t.same(notes, [through.now, null]);
  });

  await t.test(
    'an hour that ended with the process is not tried at once, and is parked after some such ends',
    async (t) => {
      const region = new Region(tables);
      await region.deliver(...dearRows(region), region.events('b', 1, salesIn(HOUR + 1, [1])));
      region.now = (HOUR + 2) * HOUR_MS + 10 * MINUTE_MS;
      /** A process that ends when it has noted the attempt. */
      const dying = async () => {
        let dead = false;
        const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
          if (dead) throw new StoreUnavailable('dead');
          const result = await make();
          const place = { merchant: region.merchant, level: 'hour' as const, time: HOUR };
          const noted = operation === 'checkAndPut' && table === 'control';
          if (noted && (await region.parked.read(place))?.startedAt != null) dead = true;
          return result;
        });
        const through = region.through(hooked);
        await through.pass().catch(() => null);
        region.now = through.now;
        return dead;
      };
      for (let crash = 1; crash <= ROLLUP_LIMITS.crashesBeforeParked.value; crash++) {
        t.ok(await dying(), `end ${crash}`);
        t.match(await region.pass(), { hours: crash === 1 ? 1 : 0, failures: 0, parked: 0 }, 'the other hour alone');
        t.equal(await region.revision('hour', HOUR), null);
        region.now += ROLLUP_LIMITS.attemptPause.value;
      }
      t.match(await region.pass(), { failures: 0, parked: 1 });
      t.match(await recordsOf(region), [{ parts: [{ terminal: null, reason: 'crash' }], startedAt: null }]);
      region.now += ROLLUP_LIMITS.parkedRetry.value + MINUTE_MS;
      t.match(await region.pass(), { hours: 1, parked: 0 });
      t.same(await recordsOf(region), [], 'a try that ends sets it right');
      await t.resolves(region.check('hour', HOUR));
    },
  );

  await t.test('a fault of the store takes the note back', async (t) => {
    const region = new Region(tables);
    await region.deliver(...dearRows(region));
    region.now = (HOUR + 3) * HOUR_MS;
    let failed = 0;
    const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
      if (operation === 'checkAndPut' && table === 'rollups' && failed++ === 0) throw new StoreUnavailable('once');
      return make();
    });
    t.match(await region.through(hooked).pass(), { failures: 1 });
    region.now += MINUTE_MS;
    t.match(await region.pass(), { hours: 1, failures: 0 });
    await t.resolves(region.check('hour', HOUR));
  });
}
