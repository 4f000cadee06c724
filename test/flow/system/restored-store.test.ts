/** A SQLite store that was put back from a copy: what it lacks is noticed, and sent again. */
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { AgentProcess } from '../../../scripts/processes/agent.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { NEVER } from '../../support/system/region.ts';

const READY_MS = 120_000;
const STORED_MS = 60_000;
const DAY_MS = 86_400_000;

t.setTimeout(300_000);

async function shop(t: Test) {
  const [httpPort, mqttPort, port] = (await freePorts(3)) as [number, number, number];
  const folder = t.testdir();
  const store = path.join(folder, 'collector');
  // What is not rolled up shows at once.
  const more = { rollup: { cron: NEVER } };
  const collector = new CollectorProcess({ folder: store, httpPort, mqttPort, more });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, 'acme', await collector.addKey('acme'));
  const token = await collector.addTerminal('acme', 'till-1');
  const agent = new AgentProcess({
    folder: path.join(folder, 'agent'),
    ...{ merchant: 'acme', terminal: 'till-1', token, collector: collector.mqttUrl, port },
    ship: { reconnectMaxMs: 1_000 },
  });
  t.teardown(async () => {
    if (agent.started) await agent.child.stop(READY_MS);
    if (collector.started) await collector.child.stop(READY_MS);
  });
  await collector.start(READY_MS);
  await agent.start(READY_MS);

  let sold = 0;
  const range = { from: new Date(Date.now() - DAY_MS).toISOString(), to: new Date(Date.now() + DAY_MS).toISOString() };
  const stored = async (): Promise<number> => {
    const { series } = await api.metrics({ ...range, metrics: 'sales.count,sales.amount', interval: 'total' });
    return Number(series[0]?.points[0]?.['sales.count'] ?? 0);
  };
  const pending = async (): Promise<number> =>
    ((await (await fetch(`${agent.url}/v1/status`)).json()) as { buffer: { pending: number } }).buffer.pending;
  const untilStored = (count: number) =>
    until(async () => (await stored()) === count && (await pending()) === 0, {
      what: `${count} sales to be stored`,
      deadlineMs: STORED_MS,
    });
  return {
    ...{ collector, agent, store, untilStored, copy: path.join(folder, 'copy') },
    async sell(count: number): Promise<void> {
      for (let sale = 0; sale < count; sale++, sold++) {
        const body = JSON.stringify({ type: 'sale', amount: 100, currency: 'EUR', ref: `sale-${sold}` });
        const { status } = await fetch(`${agent.url}/v1/events`, { method: 'POST', body });
        if (status !== 201) throw new Error(`the agent answered ${status}`);
      }
      await untilStored(sold);
    },
    async eachOnce(t: Test): Promise<void> {
      const { events } = await api.get<{ events: { ref: string }[] }>('events', { ...range, limit: '1000' });
      t.equal(new Set(events.map(({ ref }) => ref)).size, sold, 'every sale is there');
      t.equal(events.length, sold, 'and none twice');
    },
    /** Stops the collector, runs `change` on its files, and starts it. */
    async whileStopped(change: () => void): Promise<void> {
      await collector.child.stop(READY_MS);
      change();
      await collector.start(READY_MS);
    },
    async lacks(): Promise<number> {
      const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
      return Number(/^tillstream_ingest_store_lacks_total\{[^}]*\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
    },
  };
}

t.test('a copy of the store that lacks ten sales is put back', async (t) => {
  const { sell, store, copy, whileStopped, untilStored, eachOnce, lacks } = await shop(t);
  await sell(11);
  await whileStopped(() => cpSync(store, copy, { recursive: true }));
  await sell(10);
  t.equal(await lacks(), 0, 'a store that has everything is believed');
  const putBack = (): void => {
    rmSync(store, { recursive: true });
    cpSync(copy, store, { recursive: true });
  };
  await whileStopped(putBack);
  await untilStored(21);
  await eachOnce(t);
  t.equal(await lacks(), 1, 'and counted');

  t.comment('the same copy once more, at once');
  await whileStopped(putBack);
  await untilStored(21);
  await eachOnce(t);

  t.comment('a restart loses nothing');
  await whileStopped(() => undefined);
  await sell(1);
  t.equal(await lacks(), 0, 'what was sent again is believed');
});

t.test('the till was restarted meanwhile: the sales are of an earlier epoch', async (t) => {
  const { sell, store, copy, agent, whileStopped, untilStored, eachOnce } = await shop(t);
  await whileStopped(() => cpSync(store, copy, { recursive: true }));
  await sell(5);
  await whileStopped(() => {
    rmSync(store, { recursive: true });
    cpSync(copy, store, { recursive: true });
  });
  await agent.child.stop(READY_MS);
  await agent.start(READY_MS);
  await untilStored(5);
  await eachOnce(t);
});

t.test('the collector was killed, and its file kept without the log beside it', async (t) => {
  const { sell, collector, store, untilStored, eachOnce, lacks } = await shop(t);
  await sell(7);
  await collector.child.kill();
  for (const end of ['-wal', '-shm']) rmSync(path.join(store, `store.db${end}`), { force: true });
  await collector.start(READY_MS);
  await untilStored(7);
  await eachOnce(t);
  t.equal(await lacks(), 1);
});
