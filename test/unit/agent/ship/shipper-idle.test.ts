/** Idle connections are cut by what lies between: that is no failure, and a sale does not wait for it. */
import t from 'tap';
import { KeepAlive } from '../../../../agent/ship/connection/keep-alive.ts';
import { until } from '../../../support/agent/fake-timers.ts';
import { fixture, quiet, settled } from '../../../support/agent/shipper-fixture.ts';

t.test(
  'a cut of an idle session is no failure: it comes back within a second, with a shorter keep-alive',
  async (t) => {
    const keepAlive = new KeepAlive();
    const { buffer, collector, shipper, timers, warnings, accept } = await fixture(t, { keepAliveOf: () => keepAlive });
    shipper.start();
    await until(() => collector.statuses.length === 2, 'the greeting and the first clearance');
    await quiet(shipper);
    for (const [idleS, seconds] of [
      [30, 24],
      [22, 20],
      [19, 20],
    ]) {
      const { connections } = collector;
      timers.advance(idleS! * 1_000);
      collector.drop();
      await until(() => shipper.report().state === 'offline', 'offline');
      timers.advance(1_000);
      await until(() => collector.connections === connections + 1 && shipper.report().state === 'shipping', 'back');
      await quiet(shipper);
      t.equal(keepAlive.seconds, seconds, `cut after ${idleS} s`);
    }
    t.same(warnings, []);
    await accept(0, 1);
    await settled(buffer, 1);
  },
);

t.test('an idle session asks for a ping after 45 s, and one that gets no answer is given up', async (t) => {
  const keepAlive = new KeepAlive();
  const { collector, shipper, timers } = await fixture(t, { keepAliveOf: () => keepAlive });
  shipper.start();
  await until(() => collector.statuses.length === 2, 'the greeting and the first clearance');
  await quiet(shipper);
  for (let ping = 0; ping < 5; ping++) {
    timers.advance(44_999);
    t.equal(shipper.report().line?.bytesUnderWay, 0);
    timers.advance(1);
    t.equal(shipper.report().line?.bytesUnderWay, 2);
    await quiet(shipper);
  }
  collector.stall();
  timers.advance(45_000);
  timers.advance(31_000);
  await until(() => shipper.report().state === 'offline', 'given up');
  t.equal(keepAlive.seconds, 36, 'it may be the idle time that was too long');
});

t.test('a new sale ends a wait that the collector did not ask for', async (t) => {
  const { buffer, collector, shipper, timers, accept } = await fixture(t);
  const { port } = collector;
  await collector.stop();
  shipper.start();
  // Long outage: the next attempt is up to a minute away.
  for (let failure = 0; failure < 12; failure++) {
    await until(() => shipper.report().state === 'offline', 'a failure');
    if (failure < 11) timers.advance(60_000);
    await until(() => timers.waiting.length > 0, 'a wait');
  }
  t.equal(timers.waiting[0], 30_000);
  await accept(0, 1);
  t.ok(timers.waiting[0]! <= 5_000, `the sale waits ${timers.waiting[0]} ms`);
  t.ok(timers.waiting[0]! > 0, 'and not in step with every other till');
  t.equal(buffer.facts().pending, 1);
  t.ok(port > 0);
});

t.test('a sale does not end the wait of a terminal that the collector refused', async (t) => {
  const { collector, shipper, timers, accept } = await fixture(t);
  collector.connack = 5;
  shipper.start();
  for (let failure = 0; failure < 8; failure++) {
    const before = collector.connections;
    await until(() => shipper.report().state === 'offline', 'a refusal');
    timers.advance(60_000);
    await until(() => collector.connections > before, 'another attempt');
  }
  await until(() => shipper.report().state === 'offline', 'a refusal');
  const [left] = timers.waiting;
  await accept(0, 1);
  t.equal(timers.waiting[0], left);
});
