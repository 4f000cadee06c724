/**
 * The buffer's clocks against an oracle that knows the time: wherever the wall clock jumps, the machine sleeps and the power is cut, what is
 * offered for shipping bears true times where the wall clock was compared in its own boot, is flagged where the wall clock was wrong, and
 * never changes again.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { FLAG } from '../../shared/event/event.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../shared/time.ts';
import { NOW } from '../support/agent/events.ts';
import { FakeMachine } from '../support/agent/fake-machine.ts';
import { Shop } from '../support/agent/till-machine.ts';

const YEARS_MS = 3_652 * DAY_MS;
const TOLERANCE_MS = 10_000;
/** Of the uptime: see `SteadyClock`. */
const COARSE_MS = 1_020;
/** What a quartz may stray between two greetings is not known wrong. */
const STRAYED_MS = 120_000;

type Given = 'own' | 'machine' | null;
const OWN_AGO_MS = 30 * DAY_MS;
const MACHINE_AGO_MS = 5 * MINUTE_MS;

interface Sold {
  readonly ref: string;
  readonly at: number;
  /**
   * `own`: of a clock of the till's own, 30 days ago; `machine`: what the machine's clock showed five minutes ago; null: the till left it out.
   */
  readonly given: Given;
  readonly boot: string;
  /** Wall clock less true time. */
  readonly wallError: number;
}

const wallError = fc.oneof(
  fc.constantFrom(0, 0, YEARS_MS, -YEARS_MS, NOW, 8_000, -8_000, 15_000, -HOUR_MS),
  fc.integer({ min: -5 * DAY_MS, max: 5 * DAY_MS }),
);
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('sell' as const),
      count: fc.constantFrom(1, 2, 3, 30),
      given: fc.constantFrom<Given>('own', 'machine', null),
      waits: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), wallError }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 9 * HOUR_MS }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('suspend' as const), ms: fc.integer({ min: 0, max: DAY_MS }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('greet' as const), waits: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ack' as const), count: fc.nat(10) }) },
  /** With the power cut after so many turns of the event loop of a greeting. */
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('cut' as const), turns: fc.nat(6), reboots: fc.boolean(), wallError }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

t.test('what is offered bears true times, once and for all', async (t) => {
  const directory = t.testdir();
  let run = 0;
  let corrected = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
      const machine = new FakeMachine();
      const home = join(directory, `${run++}`);
      let cuts = 0;
      let shop = new Shop(join(home, '0'), machine).start();
      const sold = new Map<string, Sold>();
      const shipped = new Map<string, string>();
      const acked = new Set<string>();
      const work: Promise<unknown>[] = [];
      let next = 0;

      const check = () => {
        for (const event of shop.offered()) {
          const sale = sold.get(event.ref)!;
          const now = JSON.stringify(event);
          assert.equal(shipped.get(event.ref) ?? now, now, 'what was offered once stays as it is');
          shipped.set(event.ref, now);
          const ago = { own: OWN_AGO_MS, machine: MACHINE_AGO_MS, none: 0 }[sale.given ?? 'none'];
          const off = Math.abs(event.ts - (sale.at - ago));
          if (sale.given === 'own') assert.equal(off, 0, "times of a till's own clock are kept");
          if (sale.boot !== machine.boot) continue;
          assert(off <= TOLERANCE_MS + COARSE_MS, `${off} ms off`);
          const flagged = (event.flags & FLAG.clockSuspect) !== 0;
          if (Math.abs(sale.wallError) > STRAYED_MS) {
            assert(flagged, 'a wrong clock is told');
            corrected++;
          }
        }
      };

      for (const act of actions) {
        switch (act.kind) {
          case 'sell': {
            const { given } = act;
            const ts = given === 'own' ? machine.trueTime - OWN_AGO_MS : machine.wall() - MACHINE_AGO_MS;
            const refs = Array.from({ length: act.count }, () => `R-${next++}`);
            for (const ref of refs)
              sold.set(ref, { ref, at: machine.trueTime, given, boot: machine.boot, wallError: machine.wallError });
            const selling = shop.sell(refs, given === null ? {} : { ts });
            if (act.waits) await selling;
            else work.push(selling);
            break;
          }
          case 'set':
            machine.wallError = act.wallError;
            shop.clock.detectStep();
            break;
          case 'pass':
            machine.advance(act.ms);
            break;
          case 'suspend':
            machine.suspend(act.ms);
            break;
          case 'greet': {
            const greeting = shop.greet();
            if (act.waits) await greeting;
            else work.push(greeting);
            break;
          }
          case 'ack': {
            await Promise.all(work.splice(0));
            const events = [...shop.buffer.pending(0)].slice(0, act.count);
            for (const { event, epoch, seq } of events) {
              await shop.buffer.settle([{ kind: 'stored', epoch, firstSeq: seq, lastSeq: seq }]);
              acked.add(event.ref!);
            }
            break;
          }
          case 'cut': {
            await Promise.all(work.splice(0));
            const greeting = shop.greet();
            for (let turn = 0; turn < act.turns; turn++) await setImmediate();
            const copy = join(home, `${++cuts}`);
            shop.copy(copy);
            await greeting;
            shop.buffer.close();
            if (act.reboots) machine.reboot(HOUR_MS, machine.trueTime + HOUR_MS + act.wallError);
            else machine.restart();
            shop = new Shop(copy, machine).start();
            break;
          }
          case 'restart':
            await Promise.all(work.splice(0));
            shop.restart();
            break;
        }
        check();
      }
      await Promise.all(work);
      await shop.greet();
      check();
      shop.check();
      const offered = shop.offered().map(({ ref }) => ref);
      assert.deepEqual([...offered, ...acked].sort(), [...sold.keys()].sort(), 'and nothing is lost, or there twice');
      assert.equal(shop.segments(), 0);
      shop.buffer.close();
      rmSync(home, { recursive: true });
    }),
    { numRuns: 60 },
  );
  t.ok(corrected > 20, `${corrected} events of wrong clocks`);
});
