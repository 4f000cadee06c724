import type { Test } from 'tap';
import type { Mismatch } from '../../../collector/rollup/audit/find-mismatches.ts';
import { Sweep, type SweepOptions } from '../../../collector/rollup/verify/sweep.ts';
import { type SweepRecord, Sweeps } from '../../../collector/store/audit/sweeps.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import { LogicSet } from '../../../collector/store/logic-versions.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { salt } from '../../../shared/keys.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { DIGEST_KEY } from '../../support/collector/raw-rows.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { ONE_LOGIC, type Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { auditOptions, shopOfTwoDays } from './rows.ts';

const DAY = Math.floor(HOUR / 24);

/** Claims of this test alone. */
class OwnSweeps extends Sweeps {
  readonly #records = new Map<number, SweepRecord>();
  override async list(): Promise<SweepRecord[]> {
    return [...this.#records.values()];
  }
  override async write(record: SweepRecord, before: SweepRecord | null): Promise<boolean> {
    if (JSON.stringify(this.#records.get(record.salt) ?? null) !== JSON.stringify(before)) return false;
    this.#records.set(record.salt, record);
    return true;
  }
}

/** Of some merchants alone, so that it does not matter what else is in the store. */
class LogOf extends EventLog {
  readonly #regions: readonly Region[];
  /** All merchants are of this salt. */
  oneSalt: number | null = null;
  onMerchant: (merchant: string) => void = () => undefined;
  constructor(tables: Tables, regions: readonly Region[]) {
    super(tables, DIGEST_KEY);
    this.#regions = regions;
  }
  override async *merchants(
    salts: readonly [number, number] = [0, 256],
    after: MerchantId | null = null,
  ): AsyncIterable<MerchantId> {
    for (const { merchant } of this.#regions.toSorted((a, b) => (a.merchant < b.merchant ? -1 : 1))) {
      const own = this.oneSalt ?? salt(merchant);
      if (own < salts[0] || own >= salts[1] || (after !== null && merchant <= after)) continue;
      yield merchant;
    }
  }
  override keys(...[merchant, from, to, limit]: Parameters<EventLog['keys']>): ReturnType<EventLog['keys']> {
    // Where anything begins is asked once a merchant.
    if (limit === 1) this.onMerchant(merchant);
    return super.keys(merchant, from, to, limit);
  }
}

/** Runners of several regions. */
function sweepers(
  tables: Tables,
  regions: readonly Region[],
  logics: SweepOptions['stores']['logics'] = { read: async () => ONE_LOGIC },
) {
  const sweeps = new OwnSweeps(tables);
  const log = new LogOf(tables, regions);
  const found: Mismatch[] = [];
  const swept: string[] = [];
  log.onMerchant = (merchant) => swept.push(merchant);
  const region = regions[0]!;
  const runner = (owner: string, options: Partial<SweepOptions> = {}): Sweep =>
    new Sweep({
      ...auditOptions(region),
      stores: { ...auditOptions(region).stores, log, sweeps, logics },
      ...{ owner, hour: 3, clock: () => performance.now(), random: Math.random },
      wait: async () => undefined,
      onMismatch: (mismatch) => found.push(mismatch),
      onFailure: (_merchant, error) => {
        throw error;
      },
      ...options,
    });
  return { log, found, swept, runner };
}

const at = (day: number, hour: number): number => (day * 24 + hour) * HOUR_MS;

export async function sweepContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a day is swept once, off-peak, and what it finds is repaired by the next pass', async (t) => {
    const region = await shopOfTwoDays(tables);
    const { runner, found } = sweepers(tables, [region]);
    await region.append(region.events('a', 900, salesIn(DAY * 24 + 9, [5])));
    await region.append(region.events('a', 950, salesIn((DAY + 1) * 24, [6])));
    const sweep = runner('one');
    region.now = at(DAY + 1, 3);
    t.match(await sweep.run(), { merchants: 1, mismatches: 1, repaired: 1 });
    t.match(found, [{ level: 'hour', time: DAY * 24 + 9, fault: 'stale' }], 'of the day that has ended alone');
    region.now = at(DAY + 2, 3) - 1;
    t.equal(await sweep.run(), null, 'not yet');
    region.now = at(DAY + 2, 3);
    t.match(await sweep.run(), { merchants: 1, mismatches: 1, repaired: 1 });
    t.equal(await sweep.run(), null);
    t.equal(await runner('two').run(), null, 'another process, after a restart, neither');
    await region.passDay(DAY + 1);
    await t.resolves(region.checkAll());
  });

  await t.test("the rows are those of the merchant's active version", async (t) => {
    const region = await shopOfTwoDays(tables);
    region.now = at(DAY + 1, 3);
    const { merchant } = region;
    const records = [1, 2].map((version) => ({ ...ONE_LOGIC.records[0]!, version }));
    const activated = (merchants: readonly MerchantId[]) => ({
      read: async () => new LogicSet(records, [{ at: 0, version: 2, merchants }]),
    });
    for (const [merchants, missing] of [
      [[], 0],
      [[merchant], 4],
    ] as const) {
      const { runner, found } = sweepers(tables, [region], activated(merchants));
      t.match(await runner('one').run(), { merchants: 1, mismatches: missing });
      t.ok(found.every(({ fault }) => fault === 'missing'));
    }
  });

  await t.test('days that nobody swept are caught up', async (t) => {
    const region = await shopOfTwoDays(tables);
    const { runner, found } = sweepers(tables, [region]);
    region.now = at(DAY, 4);
    await runner('one').run();
    await region.append(region.events('a', 900, salesIn(DAY * 24 + 9, [5])));
    region.now = at(DAY + 6, 4);
    await runner('one').run();
    t.match(found, [{ time: DAY * 24 + 9 }]);
  });

  await t.test('two runners sweep each merchant once', async (t) => {
    const regions = await Promise.all(Array.from({ length: 8 }, () => shopOfTwoDays(tables)));
    for (const region of regions) region.now = at(DAY + 2, 3);
    const { runner, swept } = sweepers(tables, regions);
    await Promise.all(['one', 'two', 'three'].map((owner) => runner(owner).run()));
    t.same(swept.sort(), regions.map(({ merchant }) => merchant).sort());
  });

  await t.test('what a runner leaves that dies is taken over where it was, once its claim is old', async (t) => {
    const region = await shopOfTwoDays(tables);
    region.now = at(DAY + 2, 3);
    const { runner, swept, log } = sweepers(tables, [region]);
    const note = log.onMerchant;
    log.onMerchant = () => {
      throw new StoreUnavailable('dead');
    };
    await t.rejects(runner('dead').run(), StoreUnavailable);
    log.onMerchant = note;
    const other = runner('other');
    await other.run();
    t.same(swept, [], 'it may live');
    region.now += 6 * MINUTE_MS;
    t.match(await other.run(), { merchants: 1 });
    t.same(swept, [region.merchant]);
    t.equal(await other.run(), null);
  });

  await t.test('a runner that dies among merchants leaves those that are done', async (t) => {
    const regions = await Promise.all(Array.from({ length: 4 }, () => shopOfTwoDays(tables)));
    for (const region of regions) region.now = at(DAY + 2, 3);
    const { runner, swept, log } = sweepers(tables, regions);
    log.oneSalt = 7;
    const note = log.onMerchant;
    log.onMerchant = (merchant) => {
      note(merchant);
      if (swept.length === 3) throw new StoreUnavailable('dead');
    };
    let minutes = 0;
    await t.rejects(runner('dead', { clock: () => minutes++ * MINUTE_MS }).run(), StoreUnavailable);
    log.onMerchant = note;
    for (const region of regions) region.now += 6 * MINUTE_MS;
    t.match(await runner('other').run(), { merchants: 2 });
    const merchants = regions.map(({ merchant }) => merchant).sort();
    t.same(swept, [...merchants.slice(0, 3), ...merchants.slice(2)]);
  });

  await t.test('a stop ends it soon, and the next runner goes on at once', async (t) => {
    const region = await shopOfTwoDays(tables);
    region.now = at(DAY + 2, 3);
    const { runner, swept } = sweepers(tables, [region]);
    let time = 0;
    const stopping: Sweep = runner('one', {
      // Each step is one after which it rests.
      clock: () => {
        time += 30;
        return time;
      },
      wait: async () => {
        void stopping.stop();
      },
    });
    await stopping.run();
    t.equal((await runner('two').run())?.merchants, 1);
    t.same(swept, [region.merchant, region.merchant]);
  });

  await t.test('a merchant that cannot be compared does not keep the others from it', async (t) => {
    const regions = [await shopOfTwoDays(tables), await shopOfTwoDays(tables)];
    for (const region of regions) region.now = at(DAY + 2, 3);
    const failed: string[] = [];
    const { runner, log } = sweepers(tables, regions);
    const keys = log.keys.bind(log);
    log.keys = (merchant, ...range) => {
      if (merchant === regions[0]!.merchant) throw new RangeError('damaged key');
      return keys(merchant, ...range);
    };
    const report = await runner('one', { onFailure: (merchant) => failed.push(merchant) }).run();
    t.match(report, { merchants: 2, mismatches: 0 });
    t.same(failed, [regions[0]!.merchant]);
  });

  await t.test('claims are records of the store, compared and set', async (t) => {
    const sweeps = new Sweeps(tables);
    const before = (await sweeps.list()).find((record) => record.salt === 77) ?? null;
    const record = { salt: 77, from: 1, through: 2, after: null, owner: 'one', at: Math.floor(Date.now() / DAY_MS) };
    t.equal(await sweeps.write(record, before), true);
    t.equal(await sweeps.write({ ...record, owner: 'two' }, { ...record, at: 1 }), false);
    t.same(
      (await sweeps.list()).filter((found) => found.salt === 77),
      [record],
    );
  });
}
