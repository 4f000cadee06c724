/**
 * Events per second from a till's POST, or from a fleet's MQTT batch, until the collector has
 * acknowledged them.
 */
import { randomBytes } from 'node:crypto';
import { connectAsync } from 'mqtt';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import { topic } from '../../../shared/topics.ts';
import { encodeEvents } from '../../../shared/wire/batch.ts';
import { decodeAcks } from '../../../shared/wire/messages.ts';
import { Till } from '../../clients/till.ts';
import type { TillEvent as PostedEvent } from '../../clients/till-event.ts';
import { until } from '../../processes/wait-until.ts';
import { System } from '../load/test-system.ts';
import { baskets, parsed } from '../load/workload.ts';
import { cpuSecondsOf, memoryOf } from '../measure/process-memory.ts';
import type { Section } from '../measure/report.ts';

const DEADLINE_MS = 180_000;
/** Tills at one agent, each with one post in flight. */
const TILLS = 8;
const FLEET = 20;
/** As in the contract: an agent has at most four batches in flight. */
const WINDOW = 4;

export interface StoreUnderTest {
  readonly name: string;
  readonly choice: StoreConfig | undefined;
}

type Row = Record<string, string | number | null>;

/**
 * The current hour: its events are visible once stored; those of a closed hour wait for the next
 * rollup.
 */
const measuredHour = (): number => hourOf(Date.now()) * HOUR_MS;

async function throughAgent(
  system: System,
  size: number,
  count: number,
): Promise<{ accepted: number; stored: number }> {
  const hour = measuredHour();
  const before = await system.counted(hour, hour + HOUR_MS);
  const run = randomBytes(4).toString('hex');
  const events = baskets(count, hour).map((event) => ({ ...event, ref: `${run}-${event.ref}` }));
  const posts: PostedEvent[][] = [];
  for (let at = 0; at < count; at += size) posts.push(events.slice(at, at + size));
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const tills = Array.from({ length: TILLS }, () => new Till(system.agents[0]!.url, Math.random));
  let next = 0;
  const start = performance.now();
  await Promise.all(
    tills.map(async (till) => {
      while (next < posts.length) await till.send(posts[next++]!, signal);
    }),
  );
  const accepted = (performance.now() - start) / 1000;
  await until(async () => (await system.counted(hour, hour + HOUR_MS)) >= before + count, {
    what: 'all events to be stored',
    deadlineMs: DEADLINE_MS,
    everyMs: 50,
  });
  const stored = (performance.now() - start) / 1000;
  await Promise.all(tills.map((till) => till.close()));
  return { accepted: count / accepted, stored: count / stored };
}

/**
 * Many tills simulated by this process: prebuilt batches, each acknowledged by the collector's own
 * ack.
 */
async function throughFleet(system: System, size: number, count: number): Promise<number> {
  const hour = measuredHour();
  const perTill = Math.ceil(count / FLEET / size);
  const merchant = system.merchant as MerchantId;
  const events = parsed(baskets(perTill * size, hour));
  const tills = await Promise.all(
    [...system.tokens].map(async ([name, password]) => {
      const terminal = name as TerminalId;
      const epoch = randomBytes(8).toString('hex') as Epoch;
      const batches = Array.from({ length: perTill }, (_, i) =>
        encodeEvents(
          { epoch, firstSeq: 1 + i * size, hour: hourOf(hour), clearThrough: 0 },
          events.slice(i * size, (i + 1) * size),
        ),
      );
      const client = await connectAsync(system.collector.mqttUrl, {
        clientId: `${terminal}.${epoch}`,
        username: `${merchant}/${terminal}`,
        password,
        clean: true,
        reconnectPeriod: 0,
      });
      await client.subscribeAsync(topic(merchant, terminal, 'ack'), { qos: 1 });
      return { client, batches, up: topic(merchant, terminal, 'batch') };
    }),
  );
  const start = performance.now();
  await Promise.all(
    tills.map(
      ({ client, batches, up }) =>
        new Promise<void>((resolve, reject) => {
          const tooLate = setTimeout(() => reject(new Error('the collector stopped answering')), DEADLINE_MS);
          let sent = 0;
          let stored = 0;
          const send = (): void => {
            const batch = batches[sent++];
            if (batch !== undefined) client.publish(up, batch.bytes, { qos: 1 });
          };
          client.on('message', (_topic, payload) => {
            for (const { result, reason } of decodeAcks(payload)?.acks ?? []) {
              if (result !== 'stored') reject(new Error(`the collector answers ${result}: ${reason ?? ''}`));
              send();
              if (++stored < batches.length) continue;
              clearTimeout(tooLate);
              resolve();
            }
          });
          for (let i = 0; i < WINDOW; i++) send();
        }),
    ),
  );
  const seconds = (performance.now() - start) / 1000;
  await Promise.all(tills.map(({ client }) => client.endAsync(true)));
  return (perTill * size * FLEET) / seconds;
}

type Processes = Readonly<Record<'agent' | 'collector', number>>;

const cpuOf = (processes: Processes): Row =>
  Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, cpuSecondsOf(pid)]));

function memoryRows(store: string, processes: Processes, when: string): Row[] {
  return Object.entries(processes).map(([process, pid]) => {
    const memory = memoryOf(pid);
    return { store, process, when, 'RSS MiB': memory?.rss ?? null, 'RssAnon MiB': memory?.anon ?? null };
  });
}

/** Runs a load, and adds the CPU time that the processes spent on it. */
async function measured(
  processes: Processes,
  count: number,
  run: () => Promise<{ accepted: number | null; stored: number }>,
): Promise<Row> {
  const before = cpuOf(processes);
  const { accepted, stored } = await run();
  const after = cpuOf(processes);
  const cpu = Object.keys(processes).map((name) => [
    `${name} CPU us/event`,
    after[name] === null ? null : ((Number(after[name]) - Number(before[name])) * 1e6) / count,
  ]);
  return { 'accepted events/s': accepted, 'stored events/s': stored, ...Object.fromEntries(cpu) };
}

export async function endToEnd(
  stores: readonly StoreUnderTest[],
  { single, hundreds }: { single: number; hundreds: number },
): Promise<Section[]> {
  const rows: Row[] = [];
  const memory: Row[] = [];
  for (const { name, choice } of stores) {
    const merchant = `bench-${randomBytes(4).toString('hex')}`;
    await using system = await System.start({ merchant, agents: 1, fleet: FLEET, ...(choice && { store: choice }) });
    const processes = { agent: system.agents[0]!.child.pid, collector: system.collector.child.pid };
    memory.push(...memoryRows(name, processes, 'idle'));
    for (const [size, count] of [
      [1, single],
      [100, hundreds],
    ] as const) {
      // A small run to warm up.
      await throughAgent(system, size, Math.ceil(count / 10 / size) * size);
      const till = await measured(processes, count, () => throughAgent(system, size, count));
      rows.push({ store: name, way: 'till -> agent -> stored', 'batch of': size, ...till });
      const fleet = await measured(processes, count, async () => ({
        accepted: null,
        stored: await throughFleet(system, size, count),
      }));
      rows.push({ store: name, way: `${FLEET} tills' MQTT -> stored`, 'batch of': size, ...fleet });
    }
    memory.push(...memoryRows(name, processes, 'after the load'));
  }
  return [
    {
      name: 'The whole way',
      how: `Small baskets. Till: one agent with ${TILLS} tills, until the API counts them all. Fleet: wire batches straight to the collector, until its acks. The driver shares the cores.`,
      rows,
    },
    { name: 'Memory', how: 'Of the processes above, from /proc.', rows: memory },
  ];
}
