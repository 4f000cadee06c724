/** Ten tills set up from one disk image, which held events that had not been shipped. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { AgentProcess } from '../../../scripts/processes/agent.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { NEVER } from '../../support/system/region.ts';

const CLONES = 10;
const SHARED = 40;
const NEW = 15;
const READY_MS = 120_000;

t.setTimeout(300_000);

async function sell(url: string, prefix: string, count: number): Promise<void> {
  for (let sale = 0; sale < count; sale++) {
    const body = JSON.stringify({ type: 'sale', amount: 100, currency: 'EUR', ref: `${prefix}-${sale}` });
    const { status } = await fetch(`${url}/v1/events`, { method: 'POST', body });
    if (status !== 201) throw new Error(`${url} answered ${status}`);
  }
}

t.test('all new sales of ten clones are counted, what they share once', async (t) => {
  const [httpPort, mqttPort, ...ports] = (await freePorts(3 + CLONES)) as [number, number, ...number[]];
  const folder = t.testdir();
  // What is not rolled up shows at once.
  const more = { rollup: { cron: NEVER } };
  const collector = new CollectorProcess({ folder: path.join(folder, 'collector'), httpPort, mqttPort, more });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, 'acme', await collector.addKey('acme'));
  const token = await collector.addTerminal('acme', 'till-1');
  const agentAt = (name: string, port: number) =>
    new AgentProcess({
      folder: path.join(folder, name),
      ...{ merchant: 'acme', terminal: 'till-1', token, collector: collector.mqttUrl, port },
      ship: { reconnectMaxMs: 1_000 },
    });
  const running: AgentProcess[] = [];
  t.teardown(async () => {
    await Promise.all(running.filter(({ started }) => started).map(({ child }) => child.stop(READY_MS)));
    if (collector.started) await collector.child.stop(READY_MS);
  });

  const image = agentAt('image', ports[CLONES]!);
  await image.start(READY_MS);
  await sell(image.url, 'shared', SHARED);
  await image.child.kill();
  const clones = ports.slice(0, CLONES).map((port, index) => {
    cpSync(path.join(folder, 'image'), path.join(folder, `clone-${index}`), { recursive: true });
    return agentAt(`clone-${index}`, port);
  });
  running.push(...clones);
  await collector.start(READY_MS);
  for (const clone of clones) await clone.start(READY_MS);
  await Promise.all(clones.map(({ url }, index) => sell(url, `new-${index}`, NEW)));
  const pending = async (url: string) =>
    ((await (await fetch(`${url}/v1/status`)).json()) as { buffer: { pending: number } }).buffer.pending;
  for (const { url } of clones)
    await until(async () => (await pending(url)) === 0, { what: 'a clone to drain', deadlineMs: READY_MS });

  const day = 86_400_000;
  const range = { from: new Date(Date.now() - day).toISOString(), to: new Date(Date.now() + day).toISOString() };
  const asked = { ...range, metrics: 'sales.count,sales.amount', interval: 'total' };
  const { series } = await api.metrics(asked);
  const count = SHARED + CLONES * NEW;
  t.match(series, [{ points: [{ 'sales.count': count, 'sales.amount': count * 100 }] }]);
  const { events } = await api.get<{ events: { ref: string }[] }>('events', { ...range, limit: '1000' });
  t.equal(new Set(events.map(({ ref }) => ref)).size, count, 'every ref is there');
  t.equal(events.length, count, 'and none twice');
});
