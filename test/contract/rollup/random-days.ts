import fc from 'fast-check';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { epoch } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { arbitraryEvent, HOUR } from '../../support/collector/till-events.ts';
import { Region } from '../../support/region/region.ts';

const DAY = Math.floor(HOUR / 24);
const TERMINALS = ['a', 'a-b'];
const EPOCHS = ['00000000000000aa', 'ff00000000000001'].map(epoch);
/** On both sides of a day's end, and neighbours. */
const HOURS = [HOUR - 1, HOUR, HOUR + 1];
const SEQS = 16;

/** The streams' whole content: every row is a range of one of them. */
const streams = fc.tuple(
  ...HOURS.flatMap((hour) =>
    TERMINALS.flatMap(() => EPOCHS.map(() => fc.array(arbitraryEvent(hour), { minLength: SEQS, maxLength: SEQS }))),
  ),
);

const delivery = fc.record({
  kind: fc.constant('delivery' as const),
  hour: fc.nat(HOURS.length - 1),
  terminal: fc.nat(TERMINALS.length - 1),
  epoch: fc.nat(EPOCHS.length - 1),
  first: fc.integer({ min: 1, max: SEQS }),
  count: fc.integer({ min: 1, max: SEQS }),
  lost: fc.option(fc.constant(true), { freq: 5 }),
});
/** Advances the clock and runs a pass. */
const pass = fc.record({ kind: fc.constant('pass' as const), minutes: fc.constantFrom(0, 1, 30, 60, 120, 1_440) });
const actions = fc.array(fc.oneof({ weight: 3, arbitrary: delivery }, { weight: 1, arbitrary: pass }), {
  minLength: 4,
  maxLength: 24,
});

/**
 * Whatever comes in whatever versions and order, with runs in between: in the end every row is what
 * a naive count gives.
 */
export async function randomDaysContract(t: Test, tables: Tables, numRuns = 25): Promise<void> {
  const run = await fc.check(
    fc.asyncProperty(streams, actions, async (streams, actions) => {
      const region = new Region(tables);
      region.now = (HOUR - 1) * HOUR_MS;
      for (const action of actions) {
        if (action.kind === 'pass') {
          region.now += action.minutes * 60_000;
          await region.pass();
          continue;
        }
        const { first, count, lost } = action;
        const options = { hour: HOURS[action.hour]!, epoch: EPOCHS[action.epoch]! };
        const terminal = TERMINALS[action.terminal]!;
        const stream = streams[(action.hour * TERMINALS.length + action.terminal) * EPOCHS.length + action.epoch]!;
        await region.deliver(
          lost
            ? region.losses(terminal, first, count, options)
            : region.events(terminal, first, stream.slice(first - 1, first - 1 + count), options),
        );
      }
      await region.passDay(DAY);
      await region.checkAll();
    }),
    { numRuns },
  );
  t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
}
