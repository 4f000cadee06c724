import { Buffer } from 'node:buffer';
import type { ConnectPacket, PublishPacket } from 'aedes';
import t from 'tap';
import {
  authorizeConnect,
  authorizePublish,
  authorizeSubscribe,
  topicsOf,
} from '../../../../../collector/broker/access/authorization.ts';
import { merchantId, terminalId } from '../../../../../shared/ids.ts';

const CONNECT: ConnectPacket = {
  cmd: 'connect',
  clientId: 'till-1.00000000000000aa',
  username: 'acme/till-1',
  password: Buffer.from('secret'),
  clean: true,
};
const connecting = (more: Partial<ConnectPacket>, certified: string | null = null) =>
  authorizeConnect({ ...CONNECT, ...more }, certified);
const without = (keys: readonly ('username' | 'password')[], certified: string | null = null) =>
  authorizeConnect(
    Object.fromEntries(Object.entries(CONNECT).filter(([key]) => !keys.includes(key as 'username'))) as never,
    certified,
  );

const topics = topicsOf(merchantId('acme'), terminalId('till-1'));
const publishing = (topic: string, more: Partial<PublishPacket> = {}) =>
  authorizePublish(topics, { cmd: 'publish', topic, payload: '', qos: 1, dup: false, retain: false, ...more });

t.test('a well-formed CONNECT may be asked for its token', async (t) => {
  const claim = { merchant: 'acme', terminal: 'till-1', epoch: '00000000000000aa', token: CONNECT.password };
  t.strictSame(authorizeConnect(CONNECT, null), { ok: true, claim });
});

t.test('a till whose certificate vouches for its user name needs no token', async (t) => {
  t.match(without(['password'], 'acme/till-1'), { ok: true, claim: { terminal: 'till-1', token: null } });
  t.match(without(['password'], 'acme/till-2'), { ok: false, code: 5 });
  t.match(connecting({}, 'acme/till-2'), { ok: true, claim: { token: CONNECT.password } }, 'a token is as good');
});

t.test('without a user name or a token nobody comes in: 5', async (t) => {
  for (const verdict of [
    without(['username']),
    without(['password']),
    without(['username', 'password'], 'acme/till-1'),
  ])
    t.match(verdict, { ok: false, code: 5 });
});

t.test('a user name that is not {merchant}/{terminal} is a bad one: 4', async (t) => {
  for (const username of [
    '',
    'acme',
    'acme/',
    '/till-1',
    'acme/till-1/x',
    'Acme/till-1',
    'acme/till 1',
    '+/till-1',
    '__proto__/#',
  ])
    t.match(connecting({ username }), { ok: false, code: 4 }, JSON.stringify(username));
});

t.test('a client id that is not the terminal with an epoch is rejected: 2', async (t) => {
  for (const clientId of [
    '',
    'till-1',
    'till-1.',
    'till-1.aa',
    'till-2.00000000000000aa',
    'till-1.00000000000000AA',
    '00000000000000aa',
  ])
    t.match(connecting({ clientId }), { ok: false, code: 2 }, JSON.stringify(clientId));
});

t.test('wills and sessions that outlive the connection are refused: 5', async (t) => {
  t.match(connecting({ will: { topic: topics.batch, payload: '' as never } }), { ok: false, code: 5, reason: /wills/ });
  t.match(connecting({ clean: false }), { ok: false, code: 5, reason: /clean/ });
});

t.test('a terminal publishes its batches and statuses, and nothing else', async (t) => {
  t.same(publishing(topics.batch), { ok: true, channel: 'batch' });
  t.same(publishing(topics.status), { ok: true, channel: 'status' });
  const foreign = [
    topics.ack,
    topics.ctl,
    'till/1/acme/till-2/batch',
    'till/1/other/till-1/batch',
    'till/2/acme/till-1/batch',
    'till/1/acme/till-1/batch/',
    '/till/1/acme/till-1/batch',
    'till/1/acme/+/batch',
    'till/1/#',
    '$SYS/broker/clients',
    '$share/group/till/1/acme/till-1/batch',
    '',
  ];
  for (const topic of foreign) t.same(publishing(topic), { ok: false, reason: 'topic' }, topic);
});

t.test('retained messages and QoS 2 are refused on its own topics, too', async (t) => {
  t.same(publishing(topics.batch, { retain: true }), { ok: false, reason: 'retain' });
  t.same(publishing(topics.status, { qos: 2 }), { ok: false, reason: 'qos2' });
});

t.test('a terminal subscribes to its acks and controls, and nothing else', async (t) => {
  t.ok(authorizeSubscribe(topics, { topic: topics.ack, qos: 1 }));
  t.ok(authorizeSubscribe(topics, { topic: topics.ctl, qos: 0 }));
  t.notOk(authorizeSubscribe(topics, { topic: topics.ack, qos: 2 }), 'not with QoS 2');
  for (const topic of [
    topics.batch,
    '#',
    '+/1/acme/till-1/ack',
    'till/1/acme/+/ack',
    'till/1/other/till-1/ack',
    '$SYS/#',
    '$share/g/#',
  ])
    t.notOk(authorizeSubscribe(topics, { topic, qos: 1 }), topic);
});
