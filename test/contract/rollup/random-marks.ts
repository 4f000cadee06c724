/**
 * Runners that live through many passes forget no mark: whatever comes late, fails, hangs, is
 * divided anew, restarts, or sets the clock.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { RollupRunner } from '../../../collector/rollup/passes/runner.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS, minuteOf } from '../../../shared/time.ts';
import { HOUR } from '../../support/collector/till-events.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const RUNNERS = 2;
const runner = fc.nat(RUNNERS - 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('sell' as const), hour: fc.nat(5), till: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mark' as const), hour: fc.nat(5), ago: fc.nat(200) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), runner }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.nat(90) }) },
  fc.record({ kind: fc.constant('clock' as const), minutes: fc.integer({ min: -150, max: 150 }) }),
  fc.record({ kind: fc.constant('restart' as const), runner }),
  fc.record({ kind: fc.constant('share' as const), owner: fc.nat(RUNNERS) }),
  fc.record({ kind: fc.constant('fail' as const), puts: fc.integer({ min: 1, max: 4 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Several runners of one merchant's salt, whose store fails now and then. */
class Runners {
  readonly region: Region;
  readonly #through: Region;
  readonly #runners: RollupRunner[];
  /** Who works on the salt; all, if it is none of them. */
  #owner = RUNNERS;
  #failing = 0;
  /** Of the monotonic clock, which nobody sets. */
  #clock = 0;
  #lastSeq = 0;

  constructor(tables: Tables) {
    this.region = new Region(tables);
    this.region.now = (HOUR + 6) * HOUR_MS;
    const failing = new HookedTables(tables, ({ operation, table }, make) => {
      if (operation === 'checkAndPut' && table === 'rollups' && this.#failing-- > 0) throw new Error('refused');
      return make();
    });
    this.#through = this.region.through(failing);
    this.#runners = Array.from({ length: RUNNERS }, (_, at) => this.#start(at));
  }

  async take(one: Step): Promise<void> {
    const { region } = this;
    switch (one.kind) {
      case 'sell':
        return region.deliver(region.events(`t${one.till}`, ++this.#lastSeq, salesIn(HOUR + one.hour, [1])));
      case 'mark':
        return await this.#markLate(HOUR + one.hour, one.ago);
      case 'pass':
        return await this.pass(one.runner);
      case 'wait':
        this.#clock += one.minutes * MINUTE_MS;
        region.now += one.minutes * MINUTE_MS;
        return;
      case 'clock':
        region.now += one.minutes * MINUTE_MS;
        return;
      case 'restart':
        this.#runners[one.runner] = this.#start(one.runner);
        return;
      case 'share':
        this.#owner = one.owner;
        return;
      case 'fail':
        this.#failing = one.puts;
    }
  }

  async pass(at: number): Promise<void> {
    this.#clock += MINUTE_MS;
    this.region.now += MINUTE_MS;
    await this.#runners[at]!.runDue();
  }

  /** All is well again. */
  async settle(): Promise<void> {
    this.#failing = 0;
    this.#owner = RUNNERS;
    for (let pass = 0; pass < 4; pass++) for (let at = 0; at < RUNNERS; at++) await this.pass(at);
  }

  /** A collector hung, or its clock is behind. */
  async #markLate(hour: number, ago: number): Promise<void> {
    const { region } = this;
    await region.append(region.events('hung', ++this.#lastSeq, salesIn(hour, [2])));
    const mark = { merchant: region.merchant, level: 'hour' as const, time: hour, minute: minuteOf(region.now) - ago };
    await region.marks.add([{ ...mark, terminals: ['hung'] as TerminalId[] }]);
  }

  #start(at: number): RollupRunner {
    const { region } = this;
    return this.#through.runner({
      now: () => region.now,
      clock: () => this.#clock,
      owns: () => this.#owner === RUNNERS || this.#owner === at,
      onFailure: () => undefined,
    });
  }
}

export async function randomMarksContract(t: Test, tables: Tables): Promise<void> {
  await t.test('whatever happens to long-lived runners, no mark is forgotten', async (t) => {
    const histories = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const runners = new Runners(tables);
      for (const one of steps) await runners.take(one);
      const { region } = runners;
      // A clock that was ahead is right again before marks of that time are due.
      region.now = Math.max(region.now, (HOUR + 30) * HOUR_MS);
      await runners.settle();
      const left = await region.marksThrough(minuteOf(region.now));
      assert.deepEqual(left, []);
      await region.checkAll();
    });
    await t.resolves(fc.assert(histories, { numRuns: 25 }));
  });
}
