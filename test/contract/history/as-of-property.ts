import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { RECENT_HOUR } from '../../support/region/recent.ts';
import { Region } from '../../support/region/region.ts';
import { say } from '../../support/region/tills.ts';

const TILLS = ['a', 'b', 'c'];

const QUESTIONS: readonly [what: string, query: Query][] = [
  ['metrics', { interval: 'hour', metrics: 'sales.count,sales.amount,ticket.p50,customers.unique' }],
  ['metrics', { interval: 'day', by: 'terminal' }],
  ['metrics', { interval: 'total', by: 'method', filter: 'terminal:a' }],
  ['top', {}],
];

const till = fc.nat(TILLS.length - 1);
const actions = fc.array(
  fc.oneof(
    // An event of now, or a late one; of a later hour nobody says what was shown of it.
    fc.record({
      kind: fc.constant('event' as const),
      till,
      ago: fc.constantFrom(0, 0, 1, 2, 26),
      /** Of a seq that was sent before, perhaps with another content, perhaps as the earlier one. */
      again: fc.option(fc.nat(5), { freq: 4 }),
    }),
    fc.record({ kind: fc.constant('loss' as const), till }),
    fc.record({ kind: fc.constant('clear' as const), till }),
    fc.record({ kind: fc.constant('pass' as const), minutes: fc.constantFrom(1, 20, 60, 300, 1_500) }),
    fc.record({ kind: fc.constant('broken pass' as const), calls: fc.nat(15) }),
    fc.record({ kind: fc.constant('ask' as const), question: fc.nat(QUESTIONS.length - 1) }),
  ),
  { minLength: 5, maxLength: 40 },
);
type Action = (typeof actions extends fc.Arbitrary<infer T> ? T : never)[number];

interface Asked {
  readonly what: string;
  readonly query: Query;
  readonly series: unknown;
}

class Shop {
  readonly region: Region;
  readonly api: Api;
  readonly asked: Asked[] = [];
  readonly #seqs = TILLS.map(() => 0);

  constructor(region: Region, api: Api) {
    this.region = region;
    this.api = api;
  }

  static async open(tables: Tables): Promise<Shop> {
    const region = new Region(tables);
    region.now = RECENT_HOUR * HOUR_MS;
    return new Shop(region, await Api.open(region));
  }

  async run(of: Action): Promise<void> {
    const { region } = this;
    // No two things happen in the same millisecond.
    region.now++;
    const arrival = region.now;
    switch (of.kind) {
      case 'event': {
        const hour = Math.max(RECENT_HOUR, Math.floor(region.now / HOUR_MS) - of.ago);
        const seq = of.again === null ? ++this.#seqs[of.till]! : Math.max(1, this.#seqs[of.till]! - of.again);
        const dims = { method: seq % 2 === 0 ? 'cash' : 'upi', customer: `u${seq % 3}` };
        const items = [{ sku: `A${seq % 2}`, qty: 1_000, price: 5 }];
        const event = tillEvent({ ts: hour * HOUR_MS, amount: 10 + (region.now % 7), dims, items });
        await region.deliver(region.events(TILLS[of.till]!, seq, [event], { hour, arrival }));
        return;
      }
      case 'loss': {
        const hour = Math.floor(region.now / HOUR_MS);
        this.#seqs[of.till]! += 2;
        return region.deliver(region.losses(TILLS[of.till]!, this.#seqs[of.till]!, 2, { hour, arrival }));
      }
      case 'clear':
        return say(region, TILLS[of.till]!, region.now - MINUTE_MS);
      case 'pass':
        region.now += of.minutes * MINUTE_MS;
        await region.pass();
        return;
      case 'broken pass':
        return this.#brokenPass(of.calls);
      case 'ask':
        return this.#ask(...QUESTIONS[of.question]!);
    }
  }

  /** One call to the store fails. */
  async #brokenPass(at: number): Promise<void> {
    const { region } = this;
    let calls = 0;
    const broken = region.through(
      new HookedTables(region.tables, async (_call, make) => {
        if (calls++ === at) throw new Error('the store fails');
        return make();
      }),
    );
    region.now += MINUTE_MS;
    broken.now = region.now;
    const runner = broken.runner({ onFailure: () => undefined });
    await runner.runDue().catch(() => undefined);
  }

  async #ask(what: string, question: Query): Promise<void> {
    const asOf = this.region.now;
    const period = {
      from: new Date(RECENT_HOUR * HOUR_MS).toISOString(),
      to: new Date((RECENT_HOUR + 72) * HOUR_MS).toISOString(),
    };
    const query = { ...question, ...period };
    const { series } = await this.api.get(what, query);
    this.asked.push({ what, query: { ...query, asOf: new Date(asOf).toISOString() }, series: figuresOf(series) });
  }

  /** Asks everything again. */
  async check(): Promise<void> {
    this.region.now += HOUR_MS;
    for (const { what, query, series } of this.asked)
      assert.deepEqual(figuresOf((await this.api.get(what, query)).series), series, JSON.stringify(query));
  }
}

/** Without what was known of completeness. */
const figuresOf = (series: unknown): unknown =>
  JSON.parse(JSON.stringify(series, (name, value) => (name === 'status' ? undefined : value)));

export async function asOfProperty(t: Test, tables: Tables): Promise<void> {
  const run = await fc.check(
    fc.asyncProperty(actions, async (actions) => {
      const shop = await Shop.open(tables);
      for (const of of actions) {
        await shop.run(of);
        if (of.kind !== 'ask') await shop.run({ kind: 'ask', question: shop.asked.length % QUESTIONS.length });
      }
      await shop.check();
      await shop.api.close();
    }),
    { numRuns: 40 },
  );
  t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
}
