import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { finalThrough, say } from '../../support/region/tills.ts';

const TILLS = ['a', 'b', 'c'];
const DAY = Math.floor(HOUR / 24);
const FIRST = DAY * 24;
const HOURS = 30;

const till = fc.nat(TILLS.length - 1);
const sale = fc.record({ kind: fc.constant('sale' as const), till, ago: fc.constantFrom(0, 0, 0, 1, 5) });
/** Sends the oldest sale; the collector may die before the due mark. */
const send = fc.record({ kind: fc.constant('send' as const), till, marks: fc.boolean() });
const status = fc.record({ kind: fc.constant('status' as const), till });
const pass = fc.record({ kind: fc.constant('pass' as const), minutes: fc.constantFrom(1, 20, 60, 300) });
/** A pass in which one call to the store fails. */
const broken = fc.record({ kind: fc.constant('broken pass' as const), calls: fc.nat(12) });
/** A till comes back: it sends what it has, says so, and the pass is a bad one. */
const comeback = fc
  .tuple(till, broken)
  .map(([till, bad]) => [{ kind: 'send' as const, till, marks: true }, { kind: 'status' as const, till }, bad]);
const actions = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.tuple(sale) },
      { weight: 2, arbitrary: fc.tuple(send) },
      { weight: 2, arbitrary: fc.tuple(status) },
      { weight: 3, arbitrary: fc.tuple(pass) },
      { weight: 3, arbitrary: comeback },
    ),
    { minLength: 3, maxLength: 40 },
  )
  .map((lists) => lists.flat());
type Action = (typeof actions extends fc.Arbitrary<infer T> ? T : never) extends readonly (infer A)[] ? A : never;

interface Till {
  readonly name: string;
  seq: number;
  /** Accepted and not stored. */
  pending: { readonly seq: number; readonly hour: number }[];
  /** The latest instant through which it said that it is clear: a sale older than that is late. */
  clear: number;
}

class Shop {
  readonly region: Region;
  readonly tills: readonly Till[] = TILLS.map((name) => ({ name, seq: 0, pending: [], clear: 0 }));
  readonly late = new Set<number>();

  constructor(tables: Tables) {
    this.region = new Region(tables);
    this.region.now = FIRST * HOUR_MS;
  }

  get #hour(): number {
    return Math.floor(this.region.now / HOUR_MS);
  }

  async run(of: Action): Promise<void> {
    const { region } = this;
    switch (of.kind) {
      case 'sale': {
        const till = this.tills[of.till]!;
        const hour = Math.max(FIRST, this.#hour - of.ago);
        till.pending.push({ seq: ++till.seq, hour });
        return;
      }
      case 'send': {
        const till = this.tills[of.till]!;
        const [sale] = till.pending.splice(0, 1);
        if (sale === undefined) return;
        const { seq, hour } = sale;
        const row = region.events(till.name, seq, salesIn(hour, [seq]), { hour });
        if (till.clear >= (hour + 1) * HOUR_MS) this.late.add(hour);
        // Without the mark no ack, so the till keeps and sends it again.
        if (!of.marks) {
          await region.append(row);
          till.pending.unshift(sale);
        }
        await region.deliver(row);
        return;
      }
      case 'status': {
        const till = this.tills[of.till]!;
        const oldest = Math.min(...till.pending.map(({ hour }) => hour * HOUR_MS), region.now - MINUTE_MS);
        till.clear = Math.max(till.clear, oldest);
        await say(region, till.name, oldest);
        return;
      }
      case 'pass':
        region.now = Math.min(region.now + of.minutes * MINUTE_MS, (FIRST + HOURS) * HOUR_MS);
        await region.pass();
        return;
      case 'broken pass': {
        let calls = 0;
        const broken = new HookedTables(region.tables, async (_call, make) => {
          if (calls++ === of.calls) throw new Error('the store fails');
          return make();
        });
        const through = region.through(broken);
        region.now += MINUTE_MS;
        through.now = region.now;
        await through
          .runner({ onFailure: () => undefined })
          .runDue()
          .catch(() => undefined);
      }
    }
  }

  /** What is final holds all that was stored before its tills said so. */
  async check(): Promise<void> {
    const through = await finalThrough(this.region);
    if (through === null) return;
    for (const till of this.tills)
      for (const { hour } of till.pending) {
        const end = (hour + 1) * HOUR_MS;
        assert.ok(through < end || till.clear >= end, `hour ${hour} is final, and ${till.name} has a sale of it`);
      }
    for (let hour = FIRST; (hour + 1) * HOUR_MS <= through; hour++) {
      const rows = this.region.delivered.filter(({ key }) => key.hour === hour);
      if (!this.late.has(hour)) await this.region.check('hour', hour, rows);
    }
    const days = [...this.late].map((hour) => Math.floor(hour / 24));
    for (let day = DAY; (day + 1) * DAY_MS <= through; day++) {
      const isBuilt = (await this.region.revision('day', day)) !== null;
      if (isBuilt && !days.includes(day)) await this.region.check('day', day);
    }
  }
}

/** Any interleaving of sales, deliveries, clearances, passes and failures. */
export async function finalityProperty(t: Test, tables: Tables): Promise<void> {
  const run = await fc.check(
    fc.asyncProperty(actions, async (actions) => {
      const shop = new Shop(tables);
      // Each till is known from the beginning.
      for (let at = 0; at < TILLS.length; at++) await shop.run({ kind: 'status', till: at });
      for (const of of actions) {
        await shop.run(of);
        await shop.check();
      }
    }),
    { numRuns: 200 },
  );
  t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
}
