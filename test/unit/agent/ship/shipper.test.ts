import t, { type Test } from 'tap';
import type { ShipperDependencies } from '../../../../agent/ship/shipper.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { MERCHANT, NOW, parsed, sale, TERMINAL } from '../../../support/agent/events.ts';
import { until } from '../../../support/agent/fake-timers.ts';
import { ScriptedCollector, SILENCE, STORE } from '../../../support/agent/scripted-collector.ts';
import { fixture, quiet, seqs, settled } from '../../../support/agent/shipper-fixture.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

t.test('greeting', async (t) => {
  t.test('says who it is, subscribes, tells how things stand, and ships only after the answer', async (t) => {
    const { buffer, collector, shipper, accept } = await fixture(t, {}, { greets: false });
    await accept(0, 3);
    shipper.start();
    await until(() => collector.statuses.length === 1, 'a status');
    t.same(collector.clients, [{ id: buffer.stream, username: 'acme/till-1', password: 'secret' }]);
    t.same(collector.log, ['subscribe ack', 'subscribe ctl', 'status']);
    t.match(collector.statuses[0], {
      version: '1.2.3',
      epochs: [{ epoch: buffer.holdings().open, lastSeq: 3, pending: [[1, 3]] }],
      clearThrough: 0,
      losses: 0,
      clockOffsetMs: null,
    });
    t.equal(shipper.report().state, 'greeting');
    collector.send({ merchant: MERCHANT, terminal: TERMINAL }, []);
    await settled(buffer, 3);
    t.same(collector.stored, ['R-0', 'R-1', 'R-2']);
    t.match(shipper.report(), {
      state: 'shipping',
      words: 'connected',
      collector: { clockOffsetMs: 5_000, storeGen: 'gen-1' },
    });
  });

  t.test('that is not answered in time ends the connection', async (t) => {
    const { collector, shipper, timers } = await fixture(t, {}, { greets: false });
    shipper.start();
    await until(() => collector.statuses.length === 1, 'a status');
    await quiet(shipper);
    timers.advance(29_999);
    t.match(shipper.report(), { state: 'greeting', words: /the collector has not answered for 29 s/ });
    timers.advance(1);
    await until(() => shipper.report().state === 'offline', 'offline');
    t.match(shipper.report().words, /the collector does not answer/);
  });

  t.test('comes again when the clock of the machine was set, before anything more is shipped', async (t) => {
    const { buffer, collector, shipper, timers, accept } = await fixture(t);
    shipper.restartSession();
    shipper.start();
    await accept(0, 1);
    await settled(buffer, 1);
    shipper.restartSession();
    await until(() => shipper.report().state === 'offline', 'offline');
    t.match(shipper.report().words, /the clock of this machine was set/);
    await accept(1, 1);
    timers.advance(1_000);
    await settled(buffer, 2);
    t.same(collector.log.filter((word) => !word.startsWith('subscribe')).slice(-2), ['status', 'batch']);
  });

  t.test('is followed by the time with each answer', async (t) => {
    const told: number[] = [];
    const timeTold = ({ trueTimeOrigin }: { trueTimeOrigin: number }) => told.push(trueTimeOrigin);
    const { buffer, shipper, accept } = await fixture(t, { onCollectorTime: timeTold });
    shipper.start();
    await accept(0, 1);
    await settled(buffer, 1);
    t.same(new Set(told), new Set([NOW + 5_000]));
  });

  t.test('vouches for what it knows once it knows the collector’s clock', async (t) => {
    const { collector, shipper } = await fixture(t);
    shipper.start();
    await until(() => collector.statuses.length === 2, 'a second status');
    t.match(collector.statuses[1], { clearThrough: NOW - 60_000, clockOffsetMs: 5_000 });
  });
});

t.test('events', async (t) => {
  t.test('accepted while connected leave at once and are acked in the buffer', async (t) => {
    const { buffer, collector, shipper, accept } = await fixture(t);
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    await accept(0, 1);
    await settled(buffer, 1);
    await accept(1, 1);
    await settled(buffer, 2);
    t.same(collector.batches.map(seqs), [
      [1, 1],
      [2, 2],
    ]);
    t.match(shipper.report().counters, { batchesSent: 2, eventsStored: 2, stored: 2, connections: 1 });
  });

  t.test('that come while a batch is on its way gather until its ack', async (t) => {
    const { buffer, collector, shipper, accept } = await fixture(t);
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    collector.script = SILENCE;
    await accept(0, 1);
    await until(() => collector.batches.length === 1, 'a batch');
    await accept(1, 1);
    await accept(2, 1);
    collector.script = STORE;
    const { header } = collector.batches[0]!;
    collector.send({ merchant: MERCHANT, terminal: TERMINAL }, [
      { stream: buffer.stream, first: 1, last: 1, sum: header.bodyCrc, result: 'stored' },
    ]);
    await settled(buffer, 3);
    t.same(collector.batches.map(seqs), [
      [1, 1],
      [2, 3],
    ]);
  });

  t.test('that come while a batch is on its way gather no longer than lingerMs', async (t) => {
    const { collector, shipper, accept, timers } = await fixture(t);
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    collector.script = SILENCE;
    await accept(0, 1);
    await accept(1, 1);
    await accept(2, 1);
    await until(() => collector.batches.length === 1, 'a batch');
    timers.advance(49);
    t.equal(shipper.report().batchesInFlight, 1);
    timers.advance(1);
    await until(() => collector.batches.length === 2, 'a second batch');
    t.same(collector.batches.map(seqs), [
      [1, 1],
      [2, 3],
    ]);
  });

  t.test('that the collector leaves without an answer are told, not called shipping', async (t) => {
    const { collector, shipper, accept, timers } = await fixture(t);
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    await quiet(shipper);
    timers.advance(60_000);
    t.match(shipper.report(), { silent: false, words: 'connected' }, 'a collector that was asked nothing');
    collector.script = SILENCE;
    await accept(0, 1);
    await until(() => shipper.report().batchesInFlight === 1, 'a batch');
    await quiet(shipper);
    timers.advance(9_999);
    t.match(shipper.report(), { silent: false, words: 'connected' });
    timers.advance(2_001);
    t.match(shipper.report(), { silent: true, words: 'connected, but the collector has not answered for 12 s' });
    collector.script = STORE;
    await accept(1, 1);
    await until(() => !shipper.report().silent, 'an answer');
    t.equal(shipper.report().words, 'connected');
  });

  t.test('of several hours or epochs never share a batch', async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const old = scratch.open();
    await old.accept([parsed(sale('a')), parsed(sale('b'))]);
    old.close();
    const buffer = scratch.open();
    await buffer.accept([
      parsed(sale('c')),
      parsed(sale('d', { ts: NOW - 3 * HOUR_MS })),
      parsed(sale('e', { ts: NOW + 3 * HOUR_MS })),
      parsed(sale('f', { ts: NOW })),
    ]);
    const { collector, shipper } = await fixture(t, { outbox: buffer, stream: buffer.stream });
    shipper.start();
    await until(() => buffer.facts().pending === 0, 'all acked');
    t.same(
      collector.batches.map(({ events }) => events.map(({ ref }) => ref)),
      [['a', 'b'], ['d'], ['c', 'f'], ['e']],
    );
    t.equal(new Set(collector.batches.map(({ header }) => header.epoch)).size, 2);
    buffer.close();
  });

  t.test('of a backlog go in a window of four batches and 256 KiB, each within its limits', async (t) => {
    const { buffer, collector, shipper } = await fixture(t);
    // Texts that do not pack: some 2 KiB an event on the wire.
    const noise = () => Array.from({ length: 12 }, () => Math.random().toString(36).slice(2)).join('');
    for (let at = 0; at < 4; at++) {
      await buffer.accept(
        Array.from({ length: 200 }, (_, i) =>
          parsed(sale(`${at}-${i}`, { attrs: Array.from({ length: 20 }, noise).join('').slice(0, 4_000) })),
        ),
      );
    }
    // The line has to show first that it passes as much.
    let left = 20;
    let held = 0;
    collector.script = (batch) => {
      if (left-- > 0) return { result: 'stored' };
      held += batch.header.unpackedLength;
      return null;
    };
    shipper.start();
    await until(() => left <= -3, 'batches');
    await quiet(shipper);
    t.ok(left >= -4, `${-left} batches on their way`);
    t.ok(held > 128 * 1024 && held <= 512 * 1024, `${held} bytes on their way, unpacked`);
    collector.script = STORE;
    collector.drop();
  });

  t.test('of a backlog all arrive, in order, in few batches', async (t) => {
    const { buffer, collector, shipper, accept } = await fixture(t);
    for (let at = 0; at < 10; at++) await accept(at * 1_000, 1_000);
    shipper.start();
    await settled(buffer, 10_000);
    t.same(
      collector.stored,
      Array.from({ length: 10_000 }, (_, at) => `R-${at}`),
    );
    t.ok(collector.batches.length <= 20, `${collector.batches.length} batches`);
  });
});

t.test('a batch header vouches for no more than what is pending allows', async (t) => {
  const { buffer, collector, shipper, timers } = await fixture(t);
  await buffer.accept([parsed(sale('a', { ts: NOW - 2 * HOUR_MS })), parsed(sale('b'))]);
  shipper.start();
  await settled(buffer, 1);
  timers.advance(2_000);
  await settled(buffer, 2);
  const oldest = Math.floor((NOW - 2 * HOUR_MS) / HOUR_MS) * HOUR_MS;
  t.same(
    collector.batches.map(({ header }) => header.clearThrough),
    [oldest, oldest],
  );
});

t.test('an ack', async (t) => {
  const shipping = async (t: Test, script: ScriptedCollector['script'], count = 1) => {
    const made = await fixture(t);
    made.collector.script = script;
    await made.accept(0, count);
    made.shipper.start();
    await until(() => made.collector.batches.length > 0, 'a batch');
    return made;
  };

  t.test('that says invalid of several halves them, and quarantines only the culprit', async (t) => {
    const { buffer, collector } = await shipping(
      t,
      ({ events }) =>
        events.some(({ ref }) => ref === 'R-5') ? { result: 'invalid', reason: 'R-5 is odd' } : { result: 'stored' },
      9,
    );
    await until(() => buffer.facts().pending === 0, 'nothing pending');
    t.match(buffer.facts(), { acked: 8, quarantined: 1, quarantine: [{ seq: 6, reason: 'R-5 is odd' }] });
    t.same([...collector.stored].sort(), ['R-0', 'R-1', 'R-2', 'R-3', 'R-4', 'R-6', 'R-7', 'R-8']);
  });

  t.test('that says damaged sends the same again, at once the first time, then with patience', async (t) => {
    const { buffer, collector, timers, shipper } = await shipping(t, (_, { batches }) => ({
      result: batches.length <= 2 ? 'damaged' : 'stored',
    }));
    await until(() => collector.batches.length === 2, 'a second try');
    t.same(collector.batches[0]!.header.bodyCrc, collector.batches[1]!.header.bodyCrc);
    await until(() => shipper.report().counters.damaged === 2, 'a second ack');
    await until(() => timers.waiting.includes(5_000), `patience, of ${timers.waiting}`);
    timers.advance(5_000);
    await settled(buffer, 1);
    t.equal(collector.batches.length, 3);
  });

  t.test('that says busy waits as long as asked, with jitter, and sends again', async (t) => {
    const { buffer, collector, timers, shipper } = await shipping(t, (_, { batches }) =>
      batches.length === 1
        ? { result: 'busy', retryAfterMs: 10_000, reason: 'the store is slow' }
        : { result: 'stored' },
    );
    await until(() => shipper.report().counters.busy === 1, 'busy');
    t.match(shipper.report(), { state: 'shipping', words: /the collector is busy: the store is slow/ });
    timers.advance(12_499);
    t.equal(collector.batches.length, 1);
    timers.advance(1);
    await settled(buffer, 1);
    t.equal(shipper.report().words, 'connected');
  });

  t.test('that says unsupported keeps the events, says so, and tries again slowly', async (t) => {
    const { buffer, collector, timers, shipper } = await shipping(t, (_, { batches }) =>
      batches.length === 1 ? { result: 'unsupported', reason: 'version 1' } : { result: 'stored' },
    );
    await until(() => shipper.report().counters.unsupported === 1, 'unsupported');
    t.match(shipper.report().words, /does not support this agent's batches \(version 1\)/);
    timers.advance(299_000);
    t.equal(collector.batches.length, 1);
    timers.advance(100_000);
    await settled(buffer, 1);
  });

  t.test('that names another checksum, range or stream settles nothing', async (t) => {
    const { buffer, collector, shipper } = await shipping(
      t,
      ({ header }) => ({ result: 'stored', sum: header.bodyCrc ^ 1 }),
      2,
    );
    const from = { merchant: MERCHANT, terminal: TERMINAL };
    const { bodyCrc: sum } = collector.batches[0]!.header;
    const { stream } = buffer;
    collector.send(from, [{ stream, first: 1, last: 1, sum, result: 'stored' }]);
    collector.send(from, [{ stream: 'till-1.0000000000000000', first: 1, last: 2, sum, result: 'stored' }]);
    await until(() => shipper.report().counters.unmatched === 3, 'three acks that name nothing');
    t.match(buffer.facts(), { pending: 2, acked: 0 });
    collector.send(from, [
      { stream, first: 1, last: 2, sum, result: 'stored' },
      { stream, first: 1, last: 2, sum, result: 'stored' },
    ]);
    await settled(buffer, 2);
    t.equal(shipper.report().counters.unmatched, 4);
  });

  t.test('that is no ack is ignored', async (t) => {
    const { buffer, collector, warnings } = await shipping(t, SILENCE);
    collector.sendRaw({ merchant: MERCHANT, terminal: TERMINAL }, Buffer.from([0xc1, 0xff, 0x00]));
    await until(() => warnings.length === 1, 'a warning');
    t.match(buffer.facts(), { pending: 1 });
  });

  t.test('that does not come in time ends the connection, and what was on its way goes again', async (t) => {
    const { buffer, collector, timers, shipper } = await shipping(t, SILENCE, 3);
    await quiet(shipper);
    timers.advance(29_999);
    t.equal(shipper.report().state, 'shipping');
    timers.advance(1);
    await until(() => shipper.report().state === 'offline', 'offline');
    t.match(shipper.report().lastError, /does not answer/);
    t.match(buffer.facts(), { pending: 3, acked: 0 });
    collector.script = STORE;
    timers.advance(1_000);
    await settled(buffer, 3);
    t.same(collector.batches.map(seqs), [
      [1, 3],
      [1, 3],
    ]);
  });

  t.test('without credit lets one batch go after a while, and credit opens the window again', async (t) => {
    const { buffer, collector, timers, shipper, accept } = await fixture(t);
    collector.credit = 0;
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    await accept(0, 3);
    t.equal(collector.batches.length, 0);
    collector.credit = 1;
    timers.advance(10_000);
    await settled(buffer, 3);
    t.equal(shipper.report().collector.credit, 1);
  });
});

t.test('a connection', async (t) => {
  t.test('that drops is made again within a second at first, then at random up to ever longer waits', async (t) => {
    const made = await fixture(t);
    const { collector, shipper, timers } = made;
    collector.connack = 5;
    made.chance = 0.999;
    shipper.start();
    const refused = (times: number) =>
      until(() => collector.connections === times && shipper.report().state === 'offline', `refused ${times} times`);
    for (const [at, bound] of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000].entries()) {
      await refused(at + 1);
      t.same(timers.waiting.map(Math.ceil), [Math.ceil(bound * 0.999)]);
      if (at === 7) made.chance = 0;
      timers.advance(bound);
    }
    await refused(9);
    t.same(timers.waiting, [0], 'the jitter is full');
  });

  t.test('refused for its token says so, goes on trying, and ships once it is allowed', async (t) => {
    const { buffer, collector, shipper, timers, accept, warnings } = await fixture(t);
    await accept(0, 1);
    for (const code of [4, 5]) {
      collector.connack = code;
      if (code === 4) shipper.start();
      else timers.advance(60_000);
      await until(() => collector.connections === code - 3 && shipper.report().state === 'offline', 'refused');
      t.match(shipper.report().words, /the collector refuses the token/);
    }
    collector.connack = 0;
    timers.advance(60_000);
    await settled(buffer, 1);
    t.equal(warnings.length, 1, 'the same trouble is told once');
  });

  t.test('that nobody answers is told in words, and the next address is tried', async (t) => {
    const gone = await ScriptedCollector.start();
    await gone.stop();
    const collector = await ScriptedCollector.start({ now: () => NOW });
    t.teardown(() => collector.stop());
    const address = (port: number) => ({ protocol: 'mqtt' as const, host: '127.0.0.1', port, path: null });
    const { buffer, shipper, timers, accept } = await fixture(t, {
      addresses: [address(gone.port), address(collector.port)],
    });
    await accept(0, 1);
    shipper.start();
    await until(() => shipper.report().state === 'offline', 'offline');
    t.match(shipper.report().words, /nothing listens there/);
    timers.advance(1_000);
    await settled(buffer, 1);
    t.equal(collector.stored.length, 1);
  });

  t.test('that drops amid batches loses nothing and settles nothing that was not acked', async (t) => {
    const { buffer, collector, shipper, timers, accept } = await fixture(t);
    for (let at = 0; at < 20; at++) await accept(at * 500, 500);
    let dropped = 0;
    collector.script = (batch) => {
      if (collector.batches.length % 3 === 0 && dropped < 5) {
        dropped++;
        collector.drop();
        return null;
      }
      return STORE(batch, collector);
    };
    shipper.start();
    await until(() => {
      if (shipper.report().state === 'offline') timers.advance(1_000);
      return buffer.facts().pending === 0;
    }, 'all acked');
    t.equal(dropped, 5);
    const distinct = [...new Set(collector.stored)];
    t.equal(distinct.length, 10_000, 'every event arrived');
    t.match(buffer.facts(), { acked: 10_000, quarantined: 0 });
  });

  t.test('whose credentials cannot be read is told, and tried again', async (t) => {
    let broken = true;
    const { buffer, shipper, timers, accept } = await fixture(t, {
      credentials: () => {
        if (broken) throw new Error('token file: no such file');
        return { token: 'secret', ca: null, cert: null, key: null };
      },
    });
    await accept(0, 1);
    shipper.start();
    await until(() => shipper.report().state === 'offline', 'offline');
    t.match(shipper.report().words, /token file: no such file/);
    broken = false;
    timers.advance(1_000);
    await settled(buffer, 1);
  });

  t.test('whose token is exchanged while it is connected connects again with the new one', async (t) => {
    let token = 'secret';
    const { buffer, shipper, timers, accept } = await fixture(t, {
      credentials: () => ({ token, ca: null, cert: null, key: null }),
    });
    await accept(0, 1);
    shipper.start();
    await settled(buffer, 1);
    await quiet(shipper);
    timers.advance(60_000);
    t.equal(shipper.report().counters.connections, 1);
    token = 'newer';
    timers.advance(60_000);
    await until(() => shipper.report().state === 'offline', 'the end of the session');
    t.match(shipper.report().words, /were replaced/);
    timers.advance(1_000);
    await until(() => shipper.report().counters.connections === 2, 'another connection');
    await accept(1, 1);
    await settled(buffer, 2);
  });

  t.test('looks at its files when told to: new ones count at once, the same change nothing', async (t) => {
    let token = 'secret';
    const { collector, shipper, timers } = await fixture(t, {
      credentials: () => ({ token, ca: null, cert: null, key: null }),
    });
    shipper.checkCredentials();
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'a session');
    shipper.checkCredentials();
    t.equal(shipper.report().state, 'shipping');
    token = 'newer';
    collector.connack = 5;
    shipper.checkCredentials();
    await until(() => shipper.report().state === 'offline', 'the end of the session');
    timers.advance(1_000);
    await until(() => collector.connections === 2 && shipper.report().state === 'offline', 'a refusal');
    collector.connack = 0;
    shipper.checkCredentials();
    t.equal(shipper.report().state, 'offline', 'what was refused waits its time');
    token = 'newest';
    shipper.checkCredentials();
    await until(() => shipper.report().state === 'shipping', 'a session');
    t.same(
      collector.clients.map(({ password }) => password),
      ['secret', 'newest'],
    );
    await shipper.stop();
    shipper.checkCredentials();
  });
});

t.test('a status', async (t) => {
  t.test('tells when a backlog has lasted, when it is drained, and else every quarter of an hour or so', async (t) => {
    const { collector, shipper, timers, accept, buffer } = await fixture(t);
    shipper.start();
    await until(() => collector.statuses.length === 2, 'the greeting and the first clearance');
    await quiet(shipper);
    collector.script = SILENCE;
    await accept(0, 1);
    timers.advance(9_999);
    t.equal(collector.statuses.length, 2);
    timers.advance(1);
    await until(() => collector.statuses.length === 3, 'a backlog');
    t.match(collector.statuses[2]!.epochs, [{ pending: [[1, 1]] }]);
    const { bodyCrc: sum } = collector.batches[0]!.header;
    collector.send({ merchant: MERCHANT, terminal: TERMINAL }, [
      { stream: buffer.stream, first: 1, last: 1, sum, result: 'stored' },
    ]);
    await until(() => collector.statuses.length === 4, 'drained');
    await quiet(shipper);
    t.match(collector.statuses[3], { epochs: [{ pending: [], lastSeq: 1 }], clearThrough: NOW - 60_000 });
    timers.advance(15 * 60_000 - 1);
    t.equal(collector.statuses.length, 4);
    timers.advance(1);
    await until(() => collector.statuses.length === 5, 'a quarter of an hour');
  });

  t.test('tells, after a sale of an earlier hour, that nothing of that hour is left', async (t) => {
    const { buffer, collector, shipper, timers } = await fixture(t);
    shipper.start();
    await until(() => collector.statuses.length === 2, 'the greeting and the first clearance');
    await buffer.accept([parsed(sale('late', { ts: NOW - 24 * HOUR_MS }))]);
    await settled(buffer, 1);
    await quiet(shipper);
    const [{ header }] = collector.batches as [(typeof collector.batches)[0]];
    t.ok(header.clearThrough <= NOW - 24 * HOUR_MS);
    t.equal(collector.statuses.length, 2);
    timers.advance(10_000);
    await until(() => collector.statuses.length === 3, 'a status');
    t.equal(collector.statuses[2]!.clearThrough, NOW - 60_000);
  });

  t.test('is not sent for each sale', async (t) => {
    const { collector, shipper, timers, accept, buffer } = await fixture(t);
    shipper.start();
    await until(() => collector.statuses.length === 2, 'the greeting and the first clearance');
    await quiet(shipper);
    for (let at = 0; at < 5; at++) {
      await accept(at, 1);
      await settled(buffer, at + 1);
      timers.advance(5_000);
    }
    t.equal(collector.statuses.length, 2);
  });
});

t.test('stopping', async (t) => {
  t.test('waits for acks of what is on its way, signs off, and says goodbye', async (t) => {
    const { buffer, collector, shipper, accept } = await fixture(t);
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    collector.script = SILENCE;
    await accept(0, 2);
    await until(() => collector.batches.length === 1, 'a batch');
    const before = collector.statuses.length;
    const stopped = shipper.stop();
    t.equal(shipper.report().state, 'draining');
    const { bodyCrc: sum } = collector.batches[0]!.header;
    collector.send({ merchant: MERCHANT, terminal: TERMINAL }, [
      { stream: buffer.stream, first: 1, last: 2, sum, result: 'stored' },
    ]);
    await stopped;
    t.match(buffer.facts(), { pending: 0, acked: 2 });
    await until(() => collector.statuses.length > before, 'a sign-off');
    const last = collector.statuses.at(-1)!;
    t.same(last.closed, [[last.epochs.at(-1)!.epoch, 2]], 'no epoch is open any more');
    t.equal(shipper.report().state, 'stopped');
  });

  t.test('waits no longer than two seconds', async (t) => {
    const { collector, shipper, timers, accept, buffer } = await fixture(t);
    shipper.start();
    await until(() => shipper.report().state === 'shipping', 'shipping');
    collector.script = SILENCE;
    await accept(0, 2);
    await until(() => collector.batches.length === 1, 'a batch');
    const stopped = shipper.stop();
    timers.advance(2_000);
    await stopped;
    t.match(buffer.facts(), { pending: 2 });
  });

  t.test('is quick while it waits or connects', async (t) => {
    const waiting = await fixture(t);
    waiting.collector.connack = 5;
    waiting.shipper.start();
    await until(() => waiting.shipper.report().state === 'offline', 'offline');
    await waiting.shipper.stop();
    const connecting = await fixture(t);
    connecting.shipper.start();
    t.equal(connecting.shipper.report().state, 'connecting');
    await connecting.shipper.stop();
    t.pass('both stopped');
  });
});

t.test('a buffer that cannot be read or written ends the connection, and shipping goes on when it can', async (t) => {
  const { buffer, collector, accept } = await fixture(t);
  await accept(0, 2);
  const broken = new Set(['pending', 'settle']);
  const outbox: ShipperDependencies['outbox'] = {
    pending: (...given) => {
      if (broken.has('pending')) throw new Error('disk I/O error');
      return buffer.pending(...given);
    },
    settle: (...given) =>
      broken.has('settle') ? Promise.reject(new Error('disk I/O error')) : buffer.settle(...given),
    pendingCount: (...given) => buffer.pendingCount(...given),
    lastId: () => buffer.lastId(),
    firstPendingFrom: (hour) => buffer.firstPendingFrom(hour),
    losses: (limit) => buffer.losses(limit),
    onLoss: (listener) => buffer.onLoss(listener),
    greeted: (greeting) => buffer.greeted(greeting),
    oldestPending: () => buffer.oldestPending(),
    onPending: (listener) => buffer.onPending(listener),
    holdings: () => buffer.holdings(),
    acknowledged: () => buffer.acknowledged(),
  };
  const { shipper, timers } = await fixture(t, {
    outbox,
    addresses: [{ protocol: 'mqtt', host: '127.0.0.1', port: collector.port, path: null }],
  });
  shipper.start();
  await until(() => shipper.report().state === 'offline', 'offline');
  t.match(shipper.report().words, /the buffer cannot be read: disk I\/O error/);
  broken.delete('pending');
  timers.advance(1_000);
  await until(() => collector.batches.length === 1 && shipper.report().state === 'offline', 'offline again');
  t.match(shipper.report().words, /the buffer cannot be written/);
  broken.delete('settle');
  timers.advance(60_000);
  await settled(buffer, 2);
});

t.test(
  'whatever the collector answers, every event ends up stored, or quarantined if it alone is at fault',
  async (t) => {
    for (const seed of [1, 2]) {
      const { buffer, collector, shipper, timers, accept } = await fixture(t);
      // A small generator of its own, so that a failure comes again.
      let state = seed;
      const dice = () => {
        state = (state * 48_271) % 0x7fffffff;
        return state / 0x7fffffff;
      };
      const poisoned = new Set(['R-7', 'R-700', 'R-701', 'R-1999']);
      collector.script = ({ events, header }) => {
        const roll = dice();
        if (roll < 0.05) collector.drop();
        if (roll < 0.1) return null;
        if (roll < 0.2) return { result: 'busy', retryAfterMs: 100 };
        if (roll < 0.3) return { result: 'damaged' };
        if (roll < 0.33) return { result: 'unsupported' };
        if (roll < 0.38) return { result: 'stored', sum: header.bodyCrc ^ 1 };
        collector.credit = roll < 0.5 ? 0.3 : 1;
        return events.some(({ ref }) => poisoned.has(ref!))
          ? { result: 'invalid', reason: 'poison' }
          : { result: 'stored' };
      };
      for (let at = 0; at < 4; at++) await accept(at * 500, 500);
      shipper.start();
      await until(() => {
        timers.advance(5_000);
        return buffer.facts().pending === 0;
      }, 'nothing pending');
      t.match(buffer.facts(), { acked: 1_996, quarantined: 4 });
      const stored = new Set(collector.stored);
      t.equal(stored.size, 1_996);
      t.notOk([...poisoned].some((ref) => stored.has(ref)));
    }
  },
);
