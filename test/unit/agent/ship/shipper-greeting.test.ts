import t from 'tap';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import { KIND } from '../../../../shared/keys.ts';
import { MERCHANT, NOW, TERMINAL } from '../../../support/agent/events.ts';
import { until } from '../../../support/agent/fake-timers.ts';
import { SILENCE } from '../../../support/agent/scripted-collector.ts';
import { fixture, settled } from '../../../support/agent/shipper-fixture.ts';

type Greeted = SqliteBuffer['greeted'];
const FROM = { merchant: MERCHANT, terminal: TERMINAL };

/** The buffer's, but for what it does when it is greeted. */
const outboxOf = (buffer: () => SqliteBuffer, greeted: Greeted) =>
  new Proxy({} as SqliteBuffer, {
    get: (_, name: keyof SqliteBuffer) => {
      if (name === 'greeted') return greeted;
      const member = buffer()[name];
      return typeof member === 'function' ? (member as (...given: unknown[]) => unknown).bind(buffer()) : member;
    },
  });

/** An outbox that is greeted in steps that the test takes. */
async function greeting(t: Parameters<typeof fixture>[0], now?: () => number) {
  const source = await fixture(t);
  const greetings: Parameters<Greeted>[0][] = [];
  const steps: PromiseWithResolvers<void>[] = [];
  const outbox = outboxOf(
    () => source.buffer,
    (given) => {
      greetings.push(given);
      steps.push(Promise.withResolvers<void>());
      return steps.at(-1)!.promise;
    },
  );
  const made = await fixture(
    t,
    { outbox, stream: source.buffer.stream, preparing: () => 'recovering a damaged file: 12 of 40 MB' },
    now === undefined ? {} : { now },
  );
  return { ...made, buffer: source.buffer, accept: source.accept, greetings, steps };
}

t.test('the buffer is told the collector’s generation and time, and nothing ships before it is done', async (t) => {
  const { buffer, collector, shipper, accept, greetings, steps, timers } = await greeting(t);
  collector.greets = false;
  await accept(0, 2);
  shipper.start();
  await until(() => collector.statuses.length === 1, 'a status');
  timers.advance(400);
  collector.send(FROM, []);
  await until(() => greetings.length === 1, 'the greeting');
  t.same(greetings, [{ storeGen: 'gen-1', trueTimeOrigin: NOW + 5_000 - 200, uncertaintyMs: 201 }]);
  t.match(shipper.report(), {
    state: 'preparing',
    words: 'connected; preparing to ship: recovering a damaged file: 12 of 40 MB',
  });
  timers.advance(1_800_000);
  t.equal(shipper.report().state, 'preparing', 'however long it takes');
  t.equal(collector.batches.length, 0);
  steps[0]!.resolve();
  await settled(buffer, 2);
  t.match(shipper.report(), { state: 'shipping', words: 'connected' });
});

t.test('a buffer that cannot do it ends the connection, and is greeted again in the next', async (t) => {
  const { buffer, shipper, accept, greetings, steps, timers } = await greeting(t);
  await accept(0, 1);
  shipper.start();
  await until(() => greetings.length === 1, 'the greeting');
  steps[0]!.reject(new Error('disk I/O error'));
  await until(() => shipper.report().state === 'offline', 'offline');
  t.match(shipper.report().words, /the buffer cannot be written: disk I\/O error/);
  timers.advance(1_000);
  await until(() => greetings.length === 2, 'another greeting');
  steps[1]!.resolve();
  await settled(buffer, 1);
});

t.test('a connection that ends meanwhile leaves nothing that ships later', async (t) => {
  const { collector, shipper, accept, greetings, steps } = await greeting(t);
  await accept(0, 1);
  shipper.start();
  await until(() => greetings.length === 1, 'the greeting');
  collector.drop();
  await until(() => shipper.report().state === 'offline', 'offline');
  steps[0]!.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(shipper.report().state, 'offline');
  t.equal(collector.batches.length, 0);
});

t.test('a collector whose clock cannot be right is not shipped to', async (t) => {
  const { shipper, greetings } = await greeting(t, () => 1_000);
  shipper.start();
  await until(() => shipper.report().state === 'offline', 'offline');
  t.match(shipper.report().words, /clock is not within the years 2000 to 2099/);
  t.equal(greetings.length, 0);
});

t.test(
  'the time is measured again by regular statuses and by acks, and the offset told is that of the system clock',
  async (t) => {
    let ahead = 0;
    let answers = 0;
    const { collector, shipper, timers, accept } = await fixture(
      t,
      { wallClock: () => NOW - 7_000, onCollectorTime: () => answers++ },
      { now: () => NOW + 5_000 + timers.now() + ahead },
    );
    shipper.start();
    await until(() => answers === 1, 'an answer to the first clearance');
    t.equal(collector.statuses[1]!.clockOffsetMs, 12_000);
    ahead = 60_000;
    timers.advance(15 * 60_000);
    await until(() => shipper.report().collector.clockOffsetMs === 12_000 + 60_000 + timers.now(), 'by a status');
    ahead = 90_000;
    collector.script = SILENCE;
    await accept(0, 1);
    await until(() => collector.batches.length === 1, 'a batch');
    collector.send(FROM, [
      {
        stream: collector.clients[0]!.id,
        first: 1,
        last: 1,
        sum: collector.batches[0]!.header.bodyCrc,
        result: 'stored',
      },
    ]);
    await until(() => shipper.report().collector.clockOffsetMs === 12_000 + 90_000 + timers.now(), 'by an ack');
    t.pass();
  },
);

t.test('a status names what was acknowledged last, and of which generation', async (t) => {
  const { buffer, collector, shipper, accept, timers } = await fixture(t);
  const { open: epoch } = buffer.holdings();
  shipper.start();
  await until(() => shipper.report().state === 'shipping', 'shipping');
  t.match(collector.statuses, [{ ackedThrough: [] }]);
  t.notOk('storeGen' in collector.statuses[0]!, 'none was seen');
  await accept(0, 3);
  await settled(buffer, 3);
  shipper.restartSession();
  await until(() => shipper.report().state === 'offline', 'offline');
  timers.advance(60_000);
  await until(() => shipper.report().state === 'shipping', 'shipping again');
  const ackedThrough = [[KIND.events, epoch, Number, 1, 3]];
  t.match(collector.statuses.at(-1), { storeGen: 'gen-1', ackedThrough });
});

t.test('a generation that changes within a session is asked for again, and what is kept is sent again', async (t) => {
  const { buffer, collector, shipper, accept, timers } = await fixture(t);
  shipper.start();
  await accept(0, 3);
  await settled(buffer, 3);
  collector.storeGen = 'gen-1+00000001';
  await accept(3, 1);
  await until(() => shipper.report().state === 'offline', 'offline');
  t.match(shipper.report().words, /lacks what it acknowledged/);
  timers.advance(60_000);
  await until(() => collector.stored.length >= 7 && buffer.facts().acked === 4, 'all of it again');
  t.same(new Set(collector.stored.slice(3)), new Set(['R-0', 'R-1', 'R-2', 'R-3']));
  t.match(shipper.report().collector, { storeGen: 'gen-1+00000001' });
});
