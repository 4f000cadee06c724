import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import t from 'tap';
import { NetworkLink } from '../../../../scripts/simulate/network-link.ts';

t.test('a cable carries both ways until it is pulled, and again once it is plugged in', async (t) => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const cable = await NetworkLink.open(0, { host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
  t.teardown(() => {
    cable.close();
    echo.close();
  });
  const says = async (word: string): Promise<string> => {
    const socket = connect(cable.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(word);
    const answer = await Promise.race([once(socket, 'data').then(String), once(socket, 'close').then(() => 'cut')]);
    if (answer !== 'cut') sockets.push(socket);
    return answer;
  };
  const sockets: ReturnType<typeof connect>[] = [];

  t.equal(await says('hello'), 'hello');
  const cut = once(sockets[0]!, 'close');
  cable.pull();
  await cut;
  t.equal(await says('anyone?'), 'cut');
  cable.plug();
  t.equal(await says('again'), 'again');
});
