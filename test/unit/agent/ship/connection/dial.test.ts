import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t from 'tap';
import { dial } from '../../../../../agent/ship/connection/dial.ts';
import { FakeTimers } from '../../../../support/agent/fake-timers.ts';

const V4 = (address: string) => ({ address, family: 4 });
const V6 = (address: string) => ({ address, family: 6 });
/** Nothing listens there. */
const NOWHERE = '127.0.0.2';

async function listening(
  host: string,
  onConnection = (_: Socket): void => {},
): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function dialing(found: { address: string; family: number }[]) {
  const tried: string[] = [];
  const timers = new FakeTimers();
  const stopping = new AbortController();
  return {
    tried,
    timers,
    stopping,
    options: {
      timers,
      signal: stopping.signal,
      onAttempt: (address: string) => void tried.push(address),
      resolve: async () => found,
    },
  };
}

t.test('an address without a route is passed over at once', async (t) => {
  const server = await listening('127.0.0.1');
  t.teardown(server.close);
  const { options, tried } = dialing([V6('2001:db8::1'), V4('127.0.0.1')]);
  const socket = await dial({ host: 'c.example', port: server.port }, options);
  t.equal(socket.remoteAddress, '127.0.0.1');
  t.same(tried, ['2001:db8::1', '127.0.0.1']);
  socket.destroy();
});

t.test('an attempt goes on while the next one begins after a quarter of a second', async (t) => {
  const server = await listening('127.0.0.1');
  t.teardown(server.close);
  const { options, tried, timers } = dialing([V4('127.0.0.1'), V4(NOWHERE), V4(NOWHERE)]);
  // Nothing of the network is heard before the next turn of the event loop: a slow route.
  const slow = (): void => {
    timers.advance(249);
    t.same(tried, ['127.0.0.1']);
    timers.advance(1);
    t.same(tried, ['127.0.0.1', NOWHERE]);
  };
  const onAttempt = (address: string) => {
    tried.push(address);
    if (tried.length === 1) queueMicrotask(slow);
  };
  const socket = await dial({ host: 'c.example', port: server.port }, { ...options, onAttempt });
  t.equal(socket.remoteAddress, '127.0.0.1', 'the first one was not given up');
  t.same(timers.waiting, []);
  socket.destroy();
});

t.test('families take turns', async (t) => {
  const { options, tried, timers, stopping } = dialing([V6('::1'), V6('::2'), V4('127.0.0.1'), V4('127.0.0.2')]);
  const { port, close } = await listening('127.0.0.1');
  close();
  await t.rejects(dial({ host: 'c.example', port }, options), { code: 'ECONNREFUSED' });
  t.same(tried, ['::1', '127.0.0.1', '::2', '127.0.0.2']);
  t.same(timers.waiting, []);
  stopping.abort();
});

t.test('is given up when told', async (t) => {
  const { options, stopping } = dialing([V4('127.0.0.1')]);
  const onAttempt = () => stopping.abort(new Error('the agent stops'));
  await t.rejects(dial({ host: 'c.example', port: 9 }, { ...options, onAttempt }), { message: 'the agent stops' });
});

t.test('a connection that is reset later opens none to the other addresses', async (t) => {
  const accepted = Promise.withResolvers<Socket>();
  const server = await listening('127.0.0.1', accepted.resolve);
  t.teardown(server.close);
  const { options, tried } = dialing([V4('127.0.0.1'), V4(NOWHERE)]);
  const socket = await dial({ host: 'c.example', port: server.port }, options);
  (await accepted.promise).resetAndDestroy();
  t.match(await once(socket, 'error'), [{ code: 'ECONNRESET' }]);
  t.same(tried, ['127.0.0.1']);
});
