import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Logic } from '../../../collector/aggregation/logic/logic-version.ts';
import { boundTo } from '../../../collector/rollup/reprocess/bound-rollups.ts';
import { diffOf } from '../../../collector/rollup/reprocess/diff.ts';
import { missingRows } from '../../../collector/rollup/reprocess/missing-rows.ts';
import { planOf } from '../../../collector/rollup/reprocess/plan.ts';
import {
  type ReprocessOptions,
  type ReprocessReport,
  reprocess,
} from '../../../collector/rollup/reprocess/reprocess.ts';
import { ReprocessCursors } from '../../../collector/store/reprocess/cursors.ts';
import { StoreUnavailable, type Tables } from '../../../collector/store/tables.ts';
import { terminalId } from '../../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { eventsOf } from '../../support/collector/oracle-rows.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { BUGGY, FIXED, TwoLogics } from '../../support/region/two-logics.ts';

const DAY = Math.floor(HOUR / 24);
const FIRST = DAY * 24;
const HOURS = 30;

/** A build of the second version for the merchant of a region. */
export function build(
  region: Region,
  logics: TwoLogics,
  options: Partial<ReprocessOptions> = {},
): Promise<ReprocessReport> {
  const { log, rollups, history, parked, finality, marks, sealed, tables } = region;
  return reprocess({
    ...{
      stores: { log, rollups, history, parked, finality, marks, sealed },
      logics,
      cursors: new ReprocessCursors(tables),
      logic: FIXED,
    },
    hours: { from: 0, to: Math.floor((region.now - 2 * MINUTE_MS) / HOUR_MS) },
    ...{ merchants: [region.merchant], place: { version: 2, range: '..', shard: 1, of: 1 } },
    ...{ now: () => region.now, clock: () => performance.now() },
    ...{ pause: async () => undefined, progress: () => undefined, signal: new AbortController().signal },
    ...options,
  });
}

const trade = (hour: number, seq: number) =>
  tillEvent({ type: seq % 3 === 0 ? 'refund' : 'sale', amount: 2 ** (seq % 20), ts: hour * HOUR_MS + seq });

const sale = fc.record({
  kind: fc.constant('sale' as const),
  till: fc.constantFrom('a', 'b'),
  ago: fc.constantFrom(0, 0, 1, 5, 26),
});
const pass = fc.record({ kind: fc.constant('pass' as const), minutes: fc.constantFrom(1, 20, 60, 300) });
const other = fc.record({ kind: fc.constantFrom('add' as const, 'build' as const, 'flip' as const, 'back' as const) });
/** A build in which one call to the store fails, as when its process is killed. */
const killed = fc.record({ kind: fc.constant('killed build' as const), calls: fc.nat(25) });
const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: sale },
    { weight: 3, arbitrary: pass },
    { weight: 3, arbitrary: other },
    { weight: 2, arbitrary: killed },
  ),
  { minLength: 4, maxLength: 40 },
);
type Action = (typeof actions extends fc.Arbitrary<infer T> ? T : never)[number];

/** What may happen to a shop while its logic is corrected. */
class Correction {
  readonly region: Region;
  readonly logics = new TwoLogics();
  isAdded = false;
  isBuilt = false;
  active: Logic = BUGGY;
  readonly #seqs = new Map<string, number>();

  constructor(tables: Tables) {
    this.region = new Region(tables);
    this.region.now = FIRST * HOUR_MS;
  }

  async run(of: Action): Promise<void> {
    const { region, logics } = this;
    switch (of.kind) {
      case 'sale': {
        const seq = (this.#seqs.get(of.till) ?? 0) + 1;
        this.#seqs.set(of.till, seq);
        const hour = Math.max(FIRST, Math.floor(region.now / HOUR_MS) - of.ago);
        return region.deliver(region.events(of.till, seq, [trade(hour, seq)], { hour }));
      }
      case 'pass':
        region.now = Math.min(region.now + of.minutes * MINUTE_MS, (FIRST + HOURS) * HOUR_MS);
        return this.pass();
      case 'add':
        this.isAdded = true;
        return logics.addFixed();
      case 'build':
        if (!this.isAdded || this.active === FIXED) return;
        await build(region, logics);
        this.isBuilt = true;
        return;
      case 'killed build':
        if (!this.isAdded || this.active === FIXED) return;
        return this.#killed(of.calls);
      case 'flip': {
        const missing = await missingRows(region.rollups, region.merchant, 1, 2);
        assert.ok(!this.isBuilt || missing === 0, 'what was built stays so');
        if (missing > 0 || !this.isAdded) return;
        this.active = FIXED;
        return logics.activate(2);
      }
      case 'back':
        this.active = BUGGY;
        return logics.activate(1);
    }
  }

  async #killed(calls: number): Promise<void> {
    let left = calls;
    const dying = new HookedTables(this.region.tables, async (_call, make) => {
      if (left-- <= 0) throw new StoreUnavailable('killed');
      return make();
    });
    const through = this.region.through(dying);
    await build(through, this.logics).catch((error) => assert.ok(error instanceof StoreUnavailable, error));
  }

  async pass(): Promise<void> {
    this.region.now += MINUTE_MS;
    await this.region.runner({ logics: this.logics }).runDue();
    assert.deepEqual(this.region.failures, []);
  }
}

/** The sum of all sales and of all refunds, counted naively by a version's rules. */
function expected({ delivered }: Region, logic: Logic): [number, number] {
  const sums: [number, number] = [0, 0];
  for (const event of eventsOf(delivered).events) {
    const type = logic.rules.typeOf(event.type);
    if (type === 'sale' || type === 'refund') sums[type === 'sale' ? 0 : 1] += event.amount ?? 0;
  }
  return sums;
}

/** Two days with an hour each at their begin and end, rolled up by the first version alone. */
async function shopOfTwoDays(tables: Tables, { isAdded = true } = {}) {
  const [region, logics] = [new Region(tables), new TwoLogics()];
  const hours = [FIRST, FIRST + 23, FIRST + 24, FIRST + 47];
  for (const [at, hour] of hours.entries()) {
    const [first, second] = [2 * at + 1, 2 * at + 2];
    await region.deliver(region.events('a', first, [trade(hour, first), trade(hour, second)], { hour }));
  }
  region.now = (FIRST + 48) * HOUR_MS + 2 * HOUR_MS;
  for (let minute = 0; minute < 4; minute++) {
    region.now += MINUTE_MS;
    await region.runner({ logics }).runDue();
  }
  if (isAdded) logics.addFixed();
  const rowOf = (time: number) => region.rollups.read({ merchant: region.merchant, level: 'hour', logic: 2, time });
  const revisions = async (): Promise<number> => {
    let sum = 0;
    for (const hour of hours) sum += (await rowOf(hour))?.revision ?? 0;
    return sum;
  };
  return { region, logics, revisions };
}

export async function reprocessContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a build makes what runs make, and again changes nothing', async (t) => {
    const { region, logics, ...shop } = await shopOfTwoDays(tables);
    t.match(await planOf(region, region.merchant, { from: 0, to: 2 ** 31 }, 1, region.now), {
      hours: 4,
      rows: 4,
      events: 8,
    });
    const report = await build(region, logics);
    t.match(report, { merchants: 1, hours: 4, recomputed: 4, leftOut: 0, days: 2, rows: 4, events: 8 });
    await t.resolves(region.checkAll(FIXED));
    await t.resolves(region.checkAll(BUGGY));
    t.match(await build(region, logics), { hours: 4, recomputed: 0 });
    t.equal(await shop.revisions(), 4, 'each row was published once');
  });

  await t.test('a damaged or outdated row is made anew', async (t) => {
    const { region, logics } = await shopOfTwoDays(tables);
    await build(region, logics);
    await region.append(region.events('c', 1, [trade(FIRST, 1)], { hour: FIRST }));
    t.match(await build(region, logics), { recomputed: 1 });
    await t.resolves(region.check('hour', FIRST, region.delivered, FIXED));
    await t.resolves(region.check('day', DAY, region.delivered, FIXED));
  });

  await t.test('a build that was killed at any call goes on to the same as a fresh one', async (t) => {
    const whole = await shopOfTwoDays(tables);
    let calls = 0;
    const counting = new HookedTables(tables, async (_call, make) => {
      calls++;
      return make();
    });
    await build(whole.region.through(counting), whole.logics);
    for (let at = 0; at < calls; at += 3) {
      const { region, logics } = await shopOfTwoDays(tables);
      let left = at;
      const dying = new HookedTables(tables, async (_call, make) => {
        if (left-- <= 0) throw new StoreUnavailable('killed');
        return make();
      });
      await t.rejects(build(region.through(dying), logics), { name: 'StoreUnavailable' });
      t.match(await build(region, logics), { leftOut: 0 });
      await region.checkAll(FIXED);
    }
  });

  await t.test('a cursor leads past the merchants that are done', async (t) => {
    const { region, logics } = await shopOfTwoDays(tables);
    const cursors = new ReprocessCursors(tables);
    const place = { version: 2, range: randomBytes(4).toString('hex'), shard: 1, of: 1 };
    await cursors.write(place, { through: region.merchant, startedAt: 1, finishedAt: null });
    const seen: string[] = [];
    const progress = ({ merchant }: { merchant: string }): void => void seen.push(merchant);
    const options = { cursors, place, merchants: null, progress, hours: { from: FIRST, to: FIRST + 1 } };
    t.match(await build(region, logics, options), { resumed: true });
    t.notOk(seen.includes(region.merchant));
    t.match(await cursors.read(place), { startedAt: 1, finishedAt: region.now });
  });

  await t.test('a build cannot write the rows of another version, and passes over whom it is active for', async (t) => {
    const { region, logics } = await shopOfTwoDays(tables);
    const key = { merchant: region.merchant, level: 'hour' as const, logic: 1, time: FIRST };
    const { meta, revision } = (await region.rollups.read(key))!;
    const next = { meta, parts: new Map(), views: new Map() };
    await t.rejects(boundTo(2, region.rollups).publish(key, revision, next), { name: 'WrongVersion' });
    logics.activate(2, [region.merchant]);
    t.match(await build(region, logics), { merchants: 0, skipped: 1, hours: 0 });
  });

  await t.test('a version that is built while a pass begins lacks nothing of it', async (t) => {
    const { region, logics } = await shopOfTwoDays(tables, { isAdded: false });
    let lists = 0;
    const hooked = new HookedTables(tables, async ({ operation, table }, make) => {
      // The first is of marks that are far ahead.
      if (operation === 'scan' && table === 'due' && ++lists === 2) {
        logics.addFixed();
        await build(region, logics);
        await region.append(region.events('c', 1, [trade(FIRST, 3)], { hour: FIRST }));
        const mark = { minute: minuteOf(region.now) - 1, merchant: region.merchant, level: 'hour' as const };
        await region.marks.add([{ ...mark, time: FIRST, terminals: [terminalId('c')] }]);
      }
      return make();
    });
    const through = region.through(hooked);
    t.match(await through.runner({ logics }).runDue(), { hours: 1, failures: 0 });
    for (const logic of [BUGGY, FIXED]) await t.resolves(region.check('hour', FIRST, region.delivered, logic));
  });

  await t.test('a diff tells what changes, and by how much', async (t) => {
    const { region, logics } = await shopOfTwoDays(tables);
    await build(region, logics);
    const diff = await diffOf(region.rollups, region.merchant, [1, 2], { from: 0, to: 2 ** 31 });
    const [[was], [is, refunds]] = [expected(region, BUGGY), expected(region, FIXED)];
    t.match(diff, {
      hours: 4,
      percent: Math.round(((100 * 2 * refunds) / was) * 100) / 100,
      changes: { 'sales.count': [8, 6], 'refunds.count': [0, 2], 'sales.amount.GBP': [was, is] },
    });
    t.same(diff.changes['net.amount.GBP'], [was, is - refunds]);
    t.same((await diffOf(region.rollups, region.merchant, [2, 2], { from: 0, to: 2 ** 31 })).changes, {});
  });

  await t.test('whatever happens in whatever order, the active version is served as counted naively', async (t) => {
    const run = await fc.check(
      fc.asyncProperty(actions, async (actions) => {
        const shop = new Correction(tables);
        const { region, logics } = shop;
        const api = await Api.open(region, { logics });
        const served = async (): Promise<unknown[]> => {
          const query = { from: '2011-03-26T00:00:00Z', to: '2011-03-31T00:00:00Z', interval: 'total' };
          const { series } = await api.get('metrics', { ...query, metrics: 'sales.amount,refunds.amount' });
          const sums = [0, 0];
          for (const { points } of series) {
            sums[0] += points[0]['sales.amount'] ?? 0;
            sums[1] += points[0]['refunds.amount'] ?? 0;
          }
          return sums;
        };
        for (const of of actions) await shop.run(of);
        // A late event of a closed hour shows after the next passes: of its hour, then of its day.
        for (let minute = 0; minute < 4; minute++) await shop.pass();
        assert.deepEqual(await served(), expected(region, shop.active));
        if (!shop.isAdded) return;
        if (shop.active === BUGGY) await build(region, logics);
        for (const version of [1, 2] as const) {
          logics.activate(version);
          assert.deepEqual(await served(), expected(region, version === 1 ? BUGGY : FIXED), `version ${version}`);
        }
      }),
      { numRuns: 40 },
    );
    t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
  });
}
