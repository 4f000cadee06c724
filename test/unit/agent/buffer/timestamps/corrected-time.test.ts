import t from 'tap';
import { FLAG } from '../../../../../shared/event/event.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../../../shared/time.ts';
import { NOW } from '../../../../support/agent/events.ts';
import { Shop } from '../../../../support/agent/till-machine.ts';

const FLAGS = FLAG.clockSuspect | FLAG.tsCorrected;
const YEARS_MS = 3_652 * DAY_MS;
/** A clock of this year stands at its epoch, in 1980, 2019 and 2035. */
const WRONG: readonly [what: string, wall: number][] = [
  ['1970', 5 * MINUTE_MS],
  ['1980', Date.UTC(1980, 0, 1, 0, 5)],
  ['2019', Date.UTC(2019, 0, 1)],
  ['2035', Date.UTC(2035, 0, 1)],
  ['2099', Date.UTC(2099, 11, 31)],
];

for (const [what, wall] of WRONG) {
  t.test(`a till takes its time from a machine that stands in ${what}`, async (t) => {
    const shop = new Shop(t.testdir()).start();
    await shop.greet();
    shop.machine.set(wall);
    shop.clock.detectStep();
    t.match(await shop.sell(['near'], { ts: wall - 59 * MINUTE_MS }), { accepted: 1 });
    await shop.greet();
    t.match(shop.offered(), [{ ref: 'near', ts: NOW - 59 * MINUTE_MS, flags: FLAGS }]);

    shop.machine.advance(2_000);
    t.match(await shop.sell(['near'], { ts: wall - 59 * MINUTE_MS }), { accepted: 0 }, 'a repeat is known');
    t.match(await shop.sell(['near'], { ts: wall - 58 * MINUTE_MS }), { accepted: 1 }, 'of another minute it is none');
    await shop.salvage();
    t.match(await shop.sell(['near'], { ts: wall - 59 * MINUTE_MS }), { accepted: 0 }, 'also after a recovery');
    shop.buffer.close();
  });
}

t.test('a time of another clock is kept, and flagged', async (t) => {
  const shop = new Shop(t.testdir()).start();
  await shop.greet();
  shop.machine.set(NOW - YEARS_MS);
  shop.clock.detectStep();
  await shop.sell(['yesterday'], { ts: NOW - DAY_MS });
  await shop.sell(['beyond an hour'], { ts: NOW - YEARS_MS + HOUR_MS + 1 });
  await shop.greet();
  t.match(shop.offered(), [
    { ts: NOW - DAY_MS, flags: FLAG.clockSuspect },
    { ts: NOW - YEARS_MS + HOUR_MS + 1, flags: FLAG.clockSuspect },
  ]);
  shop.buffer.close();
});

t.test('a time is kept while nothing is known against the clock, and if it proves right', async (t) => {
  const shop = new Shop(t.testdir()).start();
  await shop.sell(['a'], { ts: NOW - MINUTE_MS });
  await shop.greet();
  await shop.sell(['b'], { ts: NOW - MINUTE_MS });
  t.match(shop.offered(), [
    { ts: NOW - MINUTE_MS, flags: 0 },
    { ts: NOW - MINUTE_MS, flags: 0 },
  ]);
  shop.buffer.close();
});

t.test('it is corrected with the times that were defaulted, once the clock proves wrong', async (t) => {
  const shop = new Shop(t.testdir());
  shop.machine.set(NOW + YEARS_MS);
  shop.start();
  await shop.sell(['defaulted']);
  await shop.sell(['given'], { ts: NOW + YEARS_MS - MINUTE_MS });
  await shop.sell(['own clock'], { ts: NOW - MINUTE_MS });
  t.same(shop.offered(), [], 'nothing is sent before the collector said the time');
  await shop.greet();
  t.match(shop.offered(), [
    { ref: 'defaulted', ts: NOW, flags: FLAG.clockSuspect | FLAG.tsDefaulted },
    { ref: 'given', ts: NOW - MINUTE_MS, flags: FLAGS },
    { ref: 'own clock', ts: NOW - MINUTE_MS, flags: FLAG.clockSuspect },
  ]);
  t.match(await shop.sell(['given'], { ts: NOW + YEARS_MS - MINUTE_MS }), { accepted: 0 }, 'a repeat is known');
  shop.buffer.close();
});

t.test('the clock is set right between the parsing of an event and its storing', async (t) => {
  const shop = new Shop(t.testdir()).start();
  await shop.greet();
  shop.machine.set(5 * MINUTE_MS);
  shop.clock.detectStep();
  const selling = shop.sell(['x'], { ts: 4 * MINUTE_MS });
  shop.machine.set(NOW);
  shop.clock.detectStep();
  await selling;
  await shop.sell(['y']);
  await shop.greet();
  for (const { ts } of shop.offered()) t.ok(Math.abs(ts - NOW) <= 2 * MINUTE_MS);
  t.equal(shop.offered().length, 2);
  shop.buffer.close();
});
