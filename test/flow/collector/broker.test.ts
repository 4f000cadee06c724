/**
 * The broker as tills see it: who comes in, what passes, what is answered. mqtt.js over loopback, a
 * real store behind.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import t from 'tap';
import type { StoreGeneration } from '../../../collector/broker/port.ts';
import { batchOf } from '../../support/collector/batches.ts';
import { brokerAndIngest, STORE_GEN } from '../../support/collector/broker-and-ingest.ts';
import { type MqttTill, Refused } from '../../support/collector/mqtt-till.ts';

/** The CONNACK code of an attempt that must fail. */
async function codeOf(attempt: Promise<MqttTill>): Promise<number | null> {
  try {
    await using till = await attempt;
    throw new Error(`${till.prefix} was let in`);
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

/** Everything the broker says until it closes the connection. */
async function lastWords(socket: Socket): Promise<Buffer> {
  const said: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => said.push(bytes));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Buffer.concat(said);
}

t.test('a batch is acked to its sender once it is stored, with credit, time and generation', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  const { bytes, header } = batchOf(1, 3);
  till.send(bytes);
  await till.until(() => till.acks.length > 0);
  const rows = await region.rows('acme');
  t.same(
    rows.map(({ bytes }) => Buffer.from(bytes)),
    [bytes],
    'the very bytes are in the log',
  );
  const stream = 'till-1.00000000000000aa';
  t.same(till.acks, [{ stream, first: 1, last: 3, sum: header.bodyCrc, result: 'stored' }]);
  t.match(till.envelopes, [{ credit: 1, storeGen: STORE_GEN, serverTime: Number }]);
});

t.test('acks that complete together come in one envelope', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  region.tables.turn('silent');
  for (let seq = 1; seq <= 4; seq++) till.send(batchOf(seq, seq).bytes);
  await until(() => region.counts.of('received batch') === 4);
  region.tables.turn('on');
  await till.until(() => till.acks.length === 4);
  t.ok(till.envelopes.length <= 2, `${till.envelopes.length} envelopes: the first group's, and the rest's`);
});

t.test('a status is answered with an envelope without acks, also when it can’t be read', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  till.sendStatus();
  await till.until(() => till.envelopes.length === 1);
  till.client.publish(`${till.prefix}/status`, 'what is this', { qos: 1 });
  await till.until(() => till.envelopes.length === 2);
  t.match(till.envelopes, [{ acks: [] }, { acks: [] }]);
  t.equal(region.counts.of('statuses unreadable'), 1);
});

t.test('a session keeps the generation of its greeting until the store lacks something', async (t) => {
  const answers: (StoreGeneration | null)[] = [
    { storeGen: 'g+1', lacks: false },
    { storeGen: 'g', lacks: false },
    null,
    { storeGen: 'g+2', lacks: true },
    null,
  ];
  const onStatus = async () => answers.shift()!;
  const inbox = { onBatch: () => new Promise<never>(() => undefined), onStatus, credit: () => 1 };
  const region = await brokerAndIngest(t, { broker: { inbox } });
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  for (let sent = 1; sent <= 4; sent++) {
    till.sendStatus();
    await till.until(() => till.envelopes.length === sent);
  }
  t.same(
    till.envelopes.map(({ storeGen }) => storeGen),
    ['g+1', 'g+1', 'g+1', 'g+2'],
  );

  await region.register('acme', 'till-2');
  await using dropped = await region.connect('acme', 'till-2');
  dropped.sendStatus();
  await until(() => answers.length === 0);
  answers.push({ storeGen: 'g', lacks: false });
  dropped.sendStatus();
  await dropped.until(() => dropped.envelopes.length > 0);
  t.match(dropped.envelopes, [{ storeGen: 'g' }], 'a greeting that found no room is not answered');
});

t.test('a fault of ours ends the connection it came by, and no other', async (t) => {
  const told: string[] = [];
  const region = await brokerAndIngest(t, {
    broker: {
      inbox: {
        onBatch: (sender) =>
          sender.terminal === 'till-1' ? Promise.reject(new Error('a fault')) : new Promise(() => undefined),
        onStatus: async () => null,
        credit: () => 1,
      },
      log: { error: (_fields, message) => told.push(message), info: () => undefined, debug: () => undefined },
    },
  });
  await region.register('acme', 'till-1');
  await region.register('acme', 'till-2');
  await using poisoned = await region.connect('acme', 'till-1');
  await using other = await region.connect('acme', 'till-2');
  poisoned.send(batchOf(1, 3).bytes);
  await until(() => !poisoned.client.connected);
  t.same(told, ['a batch could not be handled']);
  t.equal(region.counts.of('ended fault'), 1);
  t.ok(other.client.connected);
});

t.test('what is no batch at all is damaged, and goes by the connection’s stream', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  till.send(Buffer.from('what is this'));
  await till.until(() => till.acks.length === 1);
  t.match(till.acks, [{ stream: 'till-1.00000000000000aa', first: 0, last: 0, sum: 0, result: 'damaged' }]);
});

t.test('a wrong token gets 4, an ended one 5, a wrong name 4, a wrong client id 2', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await region.register('acme', 'till-2', { state: 'revoked' });
  t.equal(await codeOf(region.connect('acme', 'till-1', { token: 'wrong' })), 4);
  t.equal(await codeOf(region.connect('acme', 'till-9')), 4, 'a terminal that is not registered');
  t.equal(await codeOf(region.connect('acme', 'till-2')), 5);
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { username: 'acme' } })), 4);
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { clientId: 'till-2.00000000000000aa' } })), 2);
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { clientId: 'anything' } })), 2);
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { clean: false } })), 5);
  const will = { topic: 'till/1/acme/till-1/batch', payload: Buffer.from('x'), qos: 1 as const, retain: false };
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { will } })), 5);
  t.equal(await codeOf(region.connect('acme', 'till-1', { more: { protocolVersion: 5 } })), 1);
  t.equal(region.connections.open, 0);
});

t.test('while the store is away a till is refused with 3; when it is back the till connects', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  region.tables.turn('refuses');
  t.equal(await codeOf(region.connect('acme', 'till-1')), 3);
  region.tables.turn('on');
  await using till = await region.connect('acme', 'till-1');
  t.ok(till.client.connected);
});

t.test('before the store’s generation is known nobody is let in, and nobody is called wrong', async (t) => {
  let storeGen: string | null = null;
  const region = await brokerAndIngest(t, { broker: { storeGen: () => storeGen } });
  await region.register('acme', 'till-1');
  t.equal(await codeOf(region.connect('acme', 'till-1', { token: 'wrong' })), 3);
  storeGen = STORE_GEN;
  t.equal(await codeOf(region.connect('acme', 'till-1', { token: 'wrong' })), 4);
});

t.test('publishing anything but its own ends the connection, and nothing of it is stored', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  const payload = Buffer.from(batchOf(1, 1).bytes);
  const cases: [string, Parameters<MqttTill['client']['publish']>[2], string][] = [
    ['till/1/acme/till-2/batch', { qos: 1 }, 'publish-topic'],
    ['till/1/other/till-1/batch', { qos: 1 }, 'publish-topic'],
    ['till/1/acme/till-1/ack', { qos: 1 }, 'publish-topic'],
    ['$SYS/x', { qos: 1 }, 'publish-topic'],
    ['till/1/acme/till-1/batch', { qos: 1, retain: true }, 'publish-retain'],
    ['till/1/acme/till-1/batch', { qos: 2 }, 'publish-qos2'],
  ];
  for (const [topic, how, reason] of cases) {
    await using till = await region.connect('acme', 'till-1');
    const before = region.counts.of(`ended ${reason}`);
    till.client.publish(topic, payload, how, () => undefined);
    await till.untilClosed();
    t.equal(region.counts.of(`ended ${reason}`), before + 1, `${topic} ${JSON.stringify(how)}`);
  }
  t.same(await region.rows('acme'), []);
  t.same(await region.rows('other'), []);
});

t.test('subscriptions to anything but its own are not granted', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  const topics = [
    '#',
    'till/1/+/+/ack',
    'till/1/other/till-1/ack',
    'till/1/acme/till-1/batch',
    '$SYS/#',
    '$share/g/till/1/#',
  ];
  for (const topic of topics) {
    const granted = await till.client.subscribeAsync(topic, { qos: 1 }).catch(() => 'refused');
    t.equal(granted, 'refused', topic);
  }
  t.match(await till.client.subscribeAsync('till/1/acme/till-1/ack', { qos: 1 }), [{ qos: 1 }]);
  t.match(await till.client.subscribeAsync('till/1/acme/till-1/ctl', { qos: 1 }), [{ qos: 1 }]);
});

t.test('one merchant’s client id does not touch another’s of the same name', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await region.register('other', 'till-1');
  await using acme = await region.connect('acme', 'till-1');
  await using other = await region.connect('other', 'till-1');
  for (const till of [acme, other]) till.send(batchOf(1, 2).bytes);
  await acme.until(() => acme.acks.length === 1);
  await other.until(() => other.acks.length === 1);
  t.notOk(acme.closed, 'the first one is still connected');
  t.equal((await region.rows('acme')).length, 1);
  t.equal((await region.rows('other')).length, 1);
});

t.test('a client id that is not let in takes nobody’s connection', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  t.equal(await codeOf(region.connect('acme', 'till-1', { token: 'wrong' })), 4);
  till.send(batchOf(1, 1).bytes);
  await till.until(() => till.acks.length === 1);
  t.notOk(till.closed);
});

t.test('the same till again takes over from its connection before', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using before = await region.connect('acme', 'till-1');
  await using after = await region.connect('acme', 'till-1');
  await before.untilClosed();
  after.send(batchOf(1, 1).bytes);
  await after.until(() => after.acks.length === 1);
  t.equal(region.counts.of('ended taken-over'), 1);
});

t.test('a revoked token loses its live session at the next look; a store that is away takes nobody’s', async (t) => {
  const region = await brokerAndIngest(t, { broker: { recheckMs: 0 } });
  await region.register('acme', 'till-1');
  await region.register('acme', 'till-2');
  await using revoked = await region.connect('acme', 'till-1');
  await using good = await region.connect('acme', 'till-2');
  await region.register('acme', 'till-1', { state: 'revoked' });
  region.tables.turn('refuses');
  await region.broker.sweep();
  t.equal(region.connections.open, 2);
  region.tables.turn('on');
  await region.broker.sweep();
  await revoked.untilClosed();
  t.equal(region.counts.of('ended token-ended'), 1);
  t.notOk(good.closed);
});

t.test('garbage, a huge CONNECT and other people’s protocols end at once, in little memory', async (t) => {
  const region = await brokerAndIngest(t);
  const firsts: [string, Buffer][] = [
    ['oversized', Buffer.concat([Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(60_000)])],
    ['no-connect', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['malformed', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['protocol', Buffer.from([0x10, 4, 0, 200, 1, 2])],
  ];
  for (const [reason, bytes] of firsts) {
    const socket = connectSocket(region.port, '127.0.0.1');
    socket.write(bytes);
    t.same(await lastWords(socket), Buffer.alloc(0), reason);
    t.equal(region.counts.of(`ended ${reason}`), 1, reason);
  }
  t.equal(region.connections.open, 0);
});

t.test('a till that says nothing, or half a CONNECT, has its time', async (t) => {
  const region = await brokerAndIngest(t, { gate: { handshakeMs: 20 } });
  const silent = connectSocket(region.port, '127.0.0.1');
  const slow = connectSocket(region.port, '127.0.0.1');
  slow.write(Buffer.from([0x10, 100, 0, 4]));
  await Promise.all([lastWords(silent), lastWords(slow)]);
  t.equal(region.counts.of('ended slow-handshake'), 2);
});

t.test('a batch beyond the packet limit ends the connection', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  till.send(Buffer.alloc(200_000));
  await till.untilClosed();
  t.equal(region.counts.of('ended oversized'), 1);
});

t.test('a till that sends without waiting is held back to its bound, and loses nothing', async (t) => {
  const region = await brokerAndIngest(t, { gate: { maxUnreleased: 4 } });
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  region.tables.turn('silent');
  for (let seq = 1; seq <= 50; seq++) till.send(batchOf(seq, seq).bytes);
  await until(() => region.counts.of('received batch') === 4);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(region.counts.of('received batch'), 4);
  region.tables.turn('on');
  await till.until(() => till.acks.length === 50);
  t.equal((await region.rows('acme')).length, 50);
});

t.test('a till beyond the limit of sessions is asked to come back, and counted', async (t) => {
  const region = await brokerAndIngest(t, { sessions: { maxSessions: 1 } });
  await region.register('acme', 'till-1');
  await region.register('acme', 'till-2');
  await using till = await region.connect('acme', 'till-1');
  t.equal(await codeOf(region.connect('acme', 'till-2')), 3);
  t.equal(region.counts.of('connects full'), 1);
  t.ok(till.client.connected);
  await using again = await region.connect('acme', 'till-1');
  t.ok(again.client.connected, 'a till can always replace its own session');
});

t.test('over TLS it is the same; what is not TLS is cut and counted', async (t) => {
  const pem = (name: string) => readFileSync(new URL(`../../support/tls/${name}.pem`, import.meta.url), 'utf8');
  const region = await brokerAndIngest(t, { listen: { tls: { key: pem('key'), cert: pem('cert'), ca: null } } });
  await region.register('acme', 'till-1');
  const more = { protocol: 'mqtts' as const, ca: pem('cert') };
  t.equal(await codeOf(region.connect('acme', 'till-1', { token: 'wrong', more })), 4);
  await using till = await region.connect('acme', 'till-1', { more });
  till.send(batchOf(1, 3).bytes);
  await till.until(() => till.acks.length === 1);
  t.match(till.acks, [{ result: 'stored' }]);
  const plain = connectSocket(region.port, '127.0.0.1');
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await lastWords(plain);
  t.equal(region.counts.of('ended tls'), 1);
});

t.test('a stop answers what was taken, then closes', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  region.tables.turn('silent');
  till.send(batchOf(1, 1).bytes);
  await until(() => region.counts.of('received batch') === 1);
  const stopped = region.broker.stop(10_000);
  region.tables.turn('on');
  await stopped;
  await till.untilClosed();
  t.match(till.acks, [{ result: 'stored' }]);
});

t.test('a stop does not wait for ever for a store that is silent', async (t) => {
  const region = await brokerAndIngest(t);
  await region.register('acme', 'till-1');
  await using till = await region.connect('acme', 'till-1');
  region.tables.turn('silent');
  till.send(batchOf(1, 1).bytes);
  await until(() => region.counts.of('received batch') === 1);
  await region.broker.stop(20);
  await till.untilClosed();
  t.same(till.acks, []);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
