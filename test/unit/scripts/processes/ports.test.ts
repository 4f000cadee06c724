import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { freePorts, portsInUse } from '../../../../scripts/processes/ports.ts';

t.test('a port in use is named, with the flag that chooses another', async (t) => {
  const [port, free] = await freePorts(2);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const wanted = [
    { port: port!, purpose: "the collector's broker", flag: '--mqtt-port' },
    { port: free!, purpose: 'an agent', flag: '--agent-port' },
  ];
  t.strictSame(await portsInUse(wanted), [
    `port ${port} on 127.0.0.1 (the collector's broker) is in use: choose another with --mqtt-port PORT`,
  ]);
});
