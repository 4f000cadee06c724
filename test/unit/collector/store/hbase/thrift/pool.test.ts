import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { openConnection } from '../../../../../../collector/store/hbase/thrift/connection.ts';
import { ConnectionPool, type PoolOptions } from '../../../../../../collector/store/hbase/thrift/pool.ts';
import { answer, EMPTY_REPLY, listen, until } from '../../../../../support/collector/thrift-peer.ts';

const CALL = Buffer.from('call');
const BOUNDS = { deadlineMs: 60_000, maxReplyBytes: 1_000 };

function poolTo(t: Test, port: number, options: Partial<PoolOptions> = {}) {
  const pool = new ConnectionPool({
    open: (signal) => openConnection('127.0.0.1', port, 10_000, signal),
    size: 2,
    maxWaiting: 100,
    waitMs: 60_000,
    maxIdleMs: 60_000,
    retry: { baseMs: 1, maxMs: 8 },
    now: () => 0,
    random: () => 0.5,
    ...options,
  });
  t.teardown(() => pool.close());
  return { pool, call: () => pool.use((connection) => connection.call(CALL, BOUNDS)) };
}

t.test('many calls share a few connections', async (t) => {
  let most = 0;
  const peer = await listen(t, (socket) => {
    most = Math.max(most, peer.sockets.size);
    answer(EMPTY_REPLY)(socket);
  });
  const { call } = poolTo(t, peer.port, { size: 3 });
  const replies = await Promise.all(Array.from({ length: 50 }, call));
  t.ok(replies.every((reply) => reply.equals(EMPTY_REPLY)));
  t.equal(most, 3);
});

t.test('an idle connection serves the next call', async (t) => {
  let connected = 0;
  const peer = await listen(t, (socket) => {
    connected++;
    answer(EMPTY_REPLY)(socket);
  });
  const { call } = poolTo(t, peer.port);
  for (let i = 0; i < 5; i++) await call();
  t.equal(connected, 1);
});

t.test('a connection idle for too long is replaced instead of used', async (t) => {
  let connected = 0;
  const peer = await listen(t, (socket) => {
    connected++;
    answer(EMPTY_REPLY)(socket);
  });
  let time = 0;
  const { call } = poolTo(t, peer.port, { size: 1, maxIdleMs: 1_000, now: () => time });
  await call();
  time = 1_000;
  await call();
  t.equal(connected, 1);
  time = 2_001;
  await call();
  t.equal(connected, 2);
});

t.test('a dropped connection is replaced for the next call', async (t) => {
  let connected = 0;
  const peer = await listen(t, (socket) => {
    if (++connected === 1) socket.on('data', () => socket.destroy());
    else answer(EMPTY_REPLY)(socket);
  });
  const { call } = poolTo(t, peer.port, { size: 1 });
  await t.rejects(call(), { name: 'ConnectionLost' });
  t.same(await call(), EMPTY_REPLY);
});

t.test('calls resume by themselves when the peer comes back', async (t) => {
  const peer = await listen(t, answer(EMPTY_REPLY));
  const { call } = poolTo(t, peer.port, { waitMs: 500 });
  await call();
  await peer.stop();
  // The call right after may still meet the dead connection; the one after that waits for a live
  // one.
  await call().catch(() => {});
  const waiting = call();
  await listen(t, answer(EMPTY_REPLY), peer.port);
  t.same(await waiting, EMPTY_REPLY);
});

t.test('who finds too many waiting is turned away at once', async (t) => {
  const peer = await listen(t, () => {});
  const { pool, call } = poolTo(t, peer.port, { size: 1, maxWaiting: 2 });
  const held = call().catch((fault: Error) => fault.name);
  await until(() => peer.sockets.size === 1);
  const waiting = [call(), call()].map((waits) => waits.catch((fault: Error) => fault.name));
  await t.rejects(call(), { name: 'PoolFull' });
  await pool.close();
  t.same(await Promise.all([held, ...waiting]), Array(3).fill('PoolClosed'));
});

t.test('waiting for a busy connection ends in time', async (t) => {
  const peer = await listen(t, () => {});
  const { pool, call } = poolTo(t, peer.port, { size: 1, waitMs: 20 });
  const held = pool.use((connection) => connection.call(CALL, BOUNDS)).catch(() => {});
  await until(() => peer.sockets.size === 1);
  await t.rejects(call(), { name: 'NoConnection', message: /all 1 connections stayed busy/ });
  await pool.close();
  await held;
});

t.test('waiting for an absent peer ends in time with a reason', async (t) => {
  const peer = await listen(t, () => {});
  await peer.stop();
  const { call } = poolTo(t, peer.port, { waitMs: 50 });
  await t.rejects(call(), { name: 'NoConnection', message: /ECONNREFUSED/, cause: { name: 'ConnectFailed' } });
});

t.test('attempts are spaced further and further apart, up to a bound, and only while someone waits', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  let attempts = 0;
  const open = async () => {
    attempts++;
    throw new Error('refused');
  };
  const pool = new ConnectionPool({
    ...{ open, size: 4, maxWaiting: 10, waitMs: 1_000, maxIdleMs: 1, now: () => 0, random: () => 1 },
    retry: { baseMs: 10, maxMs: 40 },
  });
  const call = pool.use(async () => {}).catch((fault: Error) => fault.name);
  const attemptsAfter = async (ms: number) => {
    mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
    return attempts;
  };
  t.equal(await attemptsAfter(0), 1);
  t.same([await attemptsAfter(9), await attemptsAfter(1)], [1, 2], 'after 10 ms');
  t.same([await attemptsAfter(19), await attemptsAfter(1)], [2, 3], 'after 20 ms');
  t.same([await attemptsAfter(39), await attemptsAfter(1)], [3, 4], 'after 40 ms');
  t.same([await attemptsAfter(39), await attemptsAfter(1)], [4, 5], 'after 40 ms again');
  for (let waited = 110; waited < 1_000; waited += 10) await attemptsAfter(10);
  t.equal(await call, 'NoConnection');
  const then = attempts;
  t.equal(await attemptsAfter(10_000), then);
});

t.test('closing rejects who waits and who is in flight, and ends every socket', async (t) => {
  const peer = await listen(t, () => {});
  const { pool, call } = poolTo(t, peer.port, { size: 2 });
  const calls = Array.from({ length: 5 }, () => call().catch((fault: Error) => fault.name));
  await until(() => peer.sockets.size === 2);
  await pool.close();
  t.same(await Promise.all(calls), Array(5).fill('PoolClosed'));
  await until(() => peer.sockets.size === 0);
  await t.rejects(call(), { name: 'PoolClosed' });
});
