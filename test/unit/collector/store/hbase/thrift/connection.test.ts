import t from 'tap';
import { openConnection } from '../../../../../../collector/store/hbase/thrift/connection.ts';
import { answer, EMPTY_REPLY, listen, until } from '../../../../../support/collector/thrift-peer.ts';

const CALL = Buffer.from('call');
const BOUNDS = { deadlineMs: 60_000, maxReplyBytes: 1_000 };
const connectTo = (port: number) => openConnection('127.0.0.1', port, 10_000, new AbortController().signal);

t.test('a call gets its reply, and the connection serves the next one', async (t) => {
  const peer = await listen(t, answer(EMPTY_REPLY));
  const connection = await connectTo(peer.port);
  t.same(await connection.call(CALL, BOUNDS), EMPTY_REPLY);
  t.same(await connection.call(CALL, BOUNDS), EMPTY_REPLY);
  connection.close();
  await connection.closed;
});

t.test('a reply that comes in pieces is put together', async (t) => {
  const peer = await listen(t, (socket) => {
    socket.setNoDelay(true);
    socket.on('data', async () => {
      for (const byte of EMPTY_REPLY) await new Promise<void>((sent) => socket.write(Buffer.of(byte), () => sent()));
    });
  });
  const connection = await connectTo(peer.port);
  t.same(await connection.call(CALL, BOUNDS), EMPTY_REPLY);
  connection.close();
});

t.test('a call in flight rejects at once when the peer closes', async (t) => {
  const peer = await listen(t, (socket) => socket.on('data', () => socket.end()));
  const connection = await connectTo(peer.port);
  await t.rejects(connection.call(CALL, BOUNDS), { name: 'ConnectionLost' });
  t.notOk(connection.isOpen);
});

t.test('a call in flight rejects at once when the peer resets the connection within the reply', async (t) => {
  const peer = await listen(t, (socket) => {
    socket.on('data', () => socket.write(EMPTY_REPLY.subarray(0, 9), () => socket.resetAndDestroy()));
  });
  const connection = await connectTo(peer.port);
  await t.rejects(connection.call(CALL, BOUNDS), { name: 'ConnectionLost' });
});

t.test('a peer that stalls misses the deadline, and its late reply can reach no other call', async (t) => {
  const peer = await listen(t, () => {});
  const connection = await connectTo(peer.port);
  await t.rejects(connection.call(CALL, { ...BOUNDS, deadlineMs: 20 }), {
    name: 'DeadlineMissed',
    message: 'no answer within 20 ms',
  });
  t.notOk(connection.isOpen);
  await t.rejects(connection.call(CALL, BOUNDS), { name: 'ConnectionLost' });
});

t.test('a peer that stalls within its reply misses the deadline as well', async (t) => {
  const peer = await listen(t, answer(EMPTY_REPLY.subarray(0, 9)));
  const connection = await connectTo(peer.port);
  await t.rejects(connection.call(CALL, { ...BOUNDS, deadlineMs: 20 }), { name: 'DeadlineMissed' });
});

t.test('garbage rejects the call and closes the connection', async (t) => {
  const peer = await listen(t, answer(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const connection = await connectTo(peer.port);
  await t.rejects(connection.call(CALL, BOUNDS), { name: 'MalformedReply' });
  await connection.closed;
});

t.test('a reply beyond the bound rejects the call and closes the connection', async (t) => {
  const peer = await listen(t, answer(EMPTY_REPLY));
  const connection = await connectTo(peer.port);
  await t.rejects(connection.call(CALL, { ...BOUNDS, maxReplyBytes: 10 }), { name: 'ReplyTooLarge' });
  await connection.closed;
});

t.test('unexpected bytes close the connection', async (t) => {
  const peer = await listen(t, (socket) => socket.write(EMPTY_REPLY));
  const connection = await connectTo(peer.port);
  await connection.closed;
  t.notOk(connection.isOpen);
});

t.test('closing rejects the call in flight', async (t) => {
  const peer = await listen(t, () => {});
  const connection = await connectTo(peer.port);
  const call = connection.call(CALL, BOUNDS);
  connection.close();
  await t.rejects(call, { name: 'ConnectionLost' });
  await connection.closed;
  await until(() => peer.sockets.size === 0);
});

t.test('a port where nobody listens fails to connect', async (t) => {
  const peer = await listen(t, () => {});
  await peer.stop();
  await t.rejects(connectTo(peer.port), { name: 'ConnectFailed', message: /ECONNREFUSED/ });
});

t.test('connecting can be aborted', async (t) => {
  const peer = await listen(t, () => {});
  const given = new AbortController();
  const opening = openConnection('127.0.0.1', peer.port, 10_000, given.signal);
  given.abort();
  await t.rejects(opening, { name: 'ConnectFailed' });
});
