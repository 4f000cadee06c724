/** What the path to the collector takes is known again after a restart. */
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';

/** Of a CONNECT (3.1.2.10): behind the fixed header, the protocol's name, its level and flags. */
const keepAliveOf = (connect: Buffer): number => {
  const header = connect[1]! < 0x80 ? 2 : 3;
  return connect.readUInt16BE(header + 6 + 2);
};

t.test('an agent that starts announces the keep-alive that was learned for this address', async (t) => {
  const heard = Promise.withResolvers<Buffer>();
  const collector = createServer((socket) => socket.once('data', (bytes: Buffer) => heard.resolve(bytes)));
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  t.teardown(() => collector.close());
  const url = `mqtt://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const folder = t.testdir();
  const learned = { version: 1, paths: [{ url, seconds: 24, cutAfterMs: 30_000 }] };
  writeFileSync(join(folder, 'buffer.db.line'), JSON.stringify(learned));
  await startAgentProcess(t, writeConfig(folder, { collector: { urls: [url], token: 'secret' } }));
  t.equal(keepAliveOf(await heard.promise), 24);
});
