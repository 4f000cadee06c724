/** TLS over a line of 200 bytes a second: the agent's session comes about at the collector's broker. */
import { Buffer } from 'node:buffer';
import t from 'tap';
import { systemTimers } from '../../../agent/runtime/system-timers.ts';
import { openSession } from '../../../agent/ship/connection/mqtt-session.ts';
import { ShapedLine } from '../../../scripts/simulate/shaped-line.ts';
import { brokerAndIngest } from '../../support/collector/broker-and-ingest.ts';
import { issue } from '../../support/tls/issue-certificate.ts';

t.setTimeout(120_000);

t.test('a till on a line of 200 bytes/s connects by TLS, to a certificate with an intermediate', async (t) => {
  const root = issue({ name: 'root' });
  // As large as one intermediate with RSA keys.
  const first = issue({ name: 'first '.padEnd(400, '.'), issuer: root });
  const second = issue({ name: 'second '.padEnd(400, '.'), issuer: first });
  const own = issue({ name: 'own', issuer: second, names: ['localhost'] });
  const tls = { key: own.key, cert: own.cert + second.cert + first.cert, ca: null };
  const region = await brokerAndIngest(t, { listen: { tls } });
  const token = await region.register('acme', 'till-1');
  const shape = { bytesPerSecond: 200, rttMs: 1_500, queueBytes: 16_384, loss: 0, idleCutMs: null };
  const target = { host: '127.0.0.1', port: region.port };
  const line = await ShapedLine.open(0, target, { ...shape, random: Math.random });
  t.teardown(() => line.close());
  const start = performance.now();
  const session = await openSession(
    {
      address: { protocol: 'mqtts', host: 'localhost', port: line.port, path: null },
      clientId: 'till-1.00000000000000aa',
      username: 'acme/till-1',
      credentials: { token, ca: Buffer.from(root.cert), cert: null, key: null },
      topics: ['till/1/acme/till-1/ack'],
      ...{ keepAlive: 45, announced: 45 },
      timers: systemTimers,
      onAttempt: () => undefined,
      now: Date.now,
    },
    new AbortController().signal,
  );
  t.comment(`${Math.round(performance.now() - start)} ms, ${JSON.stringify(line.passed)}`);
  t.equal(region.counts.of('connects accepted'), 1);
  await session.end();
});
