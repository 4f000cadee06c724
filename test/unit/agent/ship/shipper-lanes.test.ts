import { randomBytes } from 'node:crypto';
import t from 'tap';
import { HOUR_MS } from '../../../../shared/time.ts';
import { MERCHANT, NOW, parsed, sale, TERMINAL } from '../../../support/agent/events.ts';
import { until } from '../../../support/agent/fake-timers.ts';
import { type Batch, SILENCE, STORE } from '../../../support/agent/scripted-collector.ts';
import { type Fixture, fixture, seqs, settled } from '../../../support/agent/shipper-fixture.ts';

/** Events of three hours ago. */
const old = ({ buffer }: Pick<Fixture, 'buffer'>, count: number) =>
  buffer.accept(Array.from({ length: count }, (_, at) => parsed(sale(`old-${at}`, { ts: NOW - 3 * HOUR_MS }))));
const isOld = ({ events }: Batch) => events[0]!.ref!.startsWith('old');
const shipping = ({ shipper }: Fixture) => until(() => shipper.report().state === 'shipping', 'shipping');

t.test('a backlog begins within two seconds, at random; what is of the current hour leaves at once', async (t) => {
  const made = await fixture(t);
  const { buffer, collector, shipper, timers, accept } = made;
  made.chance = 0.75;
  await old(made, 10);
  await accept(0, 5);
  shipper.start();
  await settled(buffer, 5);
  timers.advance(1_499);
  t.notOk(collector.batches.some(isOld));
  timers.advance(1);
  await settled(buffer, 15);
});

t.test('while a backlog waits for acks a sale has a place of its own', async (t) => {
  let built = 0;
  const made = await fixture(t, { backlogSent: () => built++ });
  const { collector, shipper, timers, accept } = made;
  await old(made, 8_000);
  collector.script = SILENCE;
  shipper.start();
  await shipping(made);
  timers.advance(2_000);
  await until(() => collector.batches.length === 3, 'three batches of the backlog');
  t.equal(built, 3);
  await accept(0, 1);
  await until(() => collector.batches.length === 4, 'the sale');
  t.equal(built, 3, 'the heap is watched while a backlog drains, and only then');
  t.same(collector.batches.map(isOld), [true, true, true, false]);
  t.equal(shipper.report().batchesInFlight, 4);
});

t.test('a sale goes before what is left of the backlog', async (t) => {
  const made = await fixture(t);
  const { buffer, collector, shipper, timers, accept } = made;
  await old(made, 20_000);
  let sold: Promise<unknown> | null = null;
  collector.script = (batch) => {
    if (collector.batches.length === 3) sold = accept(0, 1);
    return STORE(batch, collector);
  };
  shipper.start();
  await shipping(made);
  timers.advance(2_000);
  await settled(buffer, 20_001);
  await sold;
  const at = collector.batches.findIndex((batch) => !isOld(batch));
  t.ok(at >= 3 && at <= 8, `it was batch ${at} of ${collector.batches.length}`);
});

t.test('at a low credit the two take turns in the one place there is', async (t) => {
  const made = await fixture(t);
  const { buffer, collector, shipper, timers, accept } = made;
  await old(made, 5_000);
  collector.credit = 0.25;
  let most = 0;
  collector.script = (batch) => {
    most = Math.max(most, shipper.report().batchesInFlight);
    if (collector.batches.length % 2 === 0) void accept(collector.batches.length, 1);
    return STORE(batch, collector);
  };
  shipper.start();
  await shipping(made);
  timers.advance(2_000);
  await until(() => {
    timers.advance(10);
    return buffer.facts().pending === 0;
  }, 'all acked');
  t.equal(most, 1);
});

t.test('a collector that is too busy for the backlog gets the sales all the same', async (t) => {
  const made = await fixture(t);
  const { buffer, collector, shipper, timers, accept } = made;
  await old(made, 10);
  collector.script = (batch) => (isOld(batch) ? { result: 'busy', retryAfterMs: 60_000 } : { result: 'stored' });
  shipper.start();
  await shipping(made);
  timers.advance(2_000);
  await until(() => shipper.report().counters.busy === 1, 'busy');
  await accept(0, 1);
  await settled(buffer, 1);
  t.match(buffer.facts(), { pending: 10, acked: 1 }, 'the sale is through, the backlog waits');
  collector.script = STORE;
  timers.advance(90_000);
  await settled(buffer, 11);
});

t.test('a dictionary that the collector does not know is not used again in the session', async (t) => {
  const { buffer, collector, shipper, timers, accept } = await fixture(t);
  collector.script = ({ header }) =>
    header.dictionary === 0 ? { result: 'stored' } : { result: 'unsupported', reason: 'dictionary 1' };
  shipper.start();
  await accept(0, 3);
  await settled(buffer, 3);
  await accept(3, 1);
  await settled(buffer, 4);
  t.same(
    collector.batches.map(({ header }) => header.dictionary !== 0),
    [true, false, false],
  );
  t.equal(shipper.report().words, 'connected');
  t.equal(timers.now(), 0, 'nothing waited');
});

t.test('what turns pending again behind what was sent is sent in the same session', async (t) => {
  const { buffer, collector, shipper, accept } = await fixture(t);
  shipper.start();
  await accept(0, 10);
  await settled(buffer, 10);
  await buffer.greeted({ storeGen: 'gen-2', trueTimeOrigin: NOW, uncertaintyMs: 1 });
  await accept(10, 1);
  await settled(buffer, 11);
  t.same(collector.batches.map(seqs)[0], [1, 10]);
  t.same(new Set(collector.stored.slice(10)), new Set(Array.from({ length: 11 }, (_, at) => `R-${at}`)));
  collector.send({ merchant: MERCHANT, terminal: TERMINAL }, []);
});

/** A sale that fills several batches of a line that nobody has measured. */
const largeSale = (ref: string, hoursAgo: number) =>
  parsed(
    sale(ref, {
      ...(hoursAgo > 0 && { ts: NOW - hoursAgo * HOUR_MS }),
      items: Array.from({ length: 1_000 }, () => ({ sku: randomBytes(30).toString('hex'), qty: 1, price: 1 })),
    }),
  );

t.test('a large sale does not wait for a large one of a backlog that is held off', async (t) => {
  const made = await fixture(t);
  const { buffer, collector, shipper, timers } = made;
  const small = (ref: string, hoursAgo: number) => parsed(sale(ref, { ts: NOW - hoursAgo * HOUR_MS }));
  await buffer.accept([small('old-1', 9), largeSale('old-large', 8), small('old-2', 7), small('old-3', 6)]);
  collector.script = (batch) =>
    isOld(batch) && collector.batches.length >= 3 ? { result: 'busy', retryAfterMs: 600_000 } : null;
  shipper.start();
  await shipping(made);
  const sent = () => collector.batches.map(({ events }) => events[0]!.ref);
  await until(() => {
    timers.advance(20);
    return collector.batches.length === 3;
  }, 'three batches of the backlog');
  t.same(sent(), ['old-1', 'old-2', 'old-3'], 'the large one waits');
  await until(() => shipper.report().batchesInFlight === 2, 'the answer');
  await buffer.accept([largeSale('R-1', 0)]);
  await until(() => collector.batches.length === 4, 'the sale');
  t.equal(sent().at(-1), 'R-1');
});
