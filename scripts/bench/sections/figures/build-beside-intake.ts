/** How long live batches wait for their acks, alone and beside a build of a logic version. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import type { StoreConfig } from '../../../../collector/config/collector-config.ts';
import { openTables } from '../../../../collector/main.ts';
import { Control } from '../../../../collector/store/control.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../../shared/time.ts';
import { topic } from '../../../../shared/topics.ts';
import { encodeEvents } from '../../../../shared/wire/batch.ts';
import { decodeAcks } from '../../../../shared/wire/messages.ts';
import { runJson } from '../../../processes/run-json.ts';
import { System } from '../../load/test-system.ts';
import { basket, parsed, random } from '../../load/workload.ts';
import { quantile, type Section } from '../../measure/report.ts';
import { fill } from './reprocess.ts';

const MAIN = 'collector/main.ts';
const TILLS = 5;
const PACE_MS = 10;
/** Until acks that are on their way have come. */
const LAST_ACKS_MS = 2_000;

interface LiveTill {
  readonly client: MqttClient;
  readonly up: string;
  readonly epoch: Epoch;
  /** Its next seq. */
  next: number;
}

/** Tills that send one event at a time, at a fixed pace, whether acks come or not. */
class LiveTills {
  readonly #clients: readonly LiveTill[];
  readonly #sentAt = new Map<string, number>();
  readonly #next = random(3);
  /** Milliseconds from a batch to its ack. */
  waited: number[] = [];

  private constructor(clients: readonly LiveTill[]) {
    this.#clients = clients;
    for (const { client, epoch } of clients)
      client.on('message', (_topic, payload) => {
        for (const { first, last } of decodeAcks(payload)?.acks ?? [])
          for (let seq = first; seq <= last; seq++) {
            const sentAt = this.#sentAt.get(`${epoch}/${seq}`);
            if (sentAt !== undefined) this.waited.push(performance.now() - sentAt);
          }
      });
  }

  static async connect({ merchant, tokens, collector }: System): Promise<LiveTills> {
    const clients = [...tokens].map(async ([name, password]) => {
      const [of, terminal] = [merchant as MerchantId, name as TerminalId];
      const epoch = randomBytes(8).toString('hex') as Epoch;
      const client = await connectAsync(collector.mqttUrl, {
        ...{ clientId: `${terminal}.${epoch}`, username: `${merchant}/${terminal}`, password },
        ...{ clean: true, reconnectPeriod: 0 },
      });
      await client.subscribeAsync(topic(of, terminal, 'ack'), { qos: 1 });
      return { client, up: topic(of, terminal, 'batch'), epoch, next: 1 };
    });
    return new LiveTills(await Promise.all(clients));
  }

  /** Sends until it is over, and waits for the last acks. @returns milliseconds of each */
  async sell(isOver: () => boolean): Promise<number[]> {
    this.waited = [];
    const start = performance.now();
    for (let sent = 0; !isOver(); await wait(2))
      for (; sent < (performance.now() - start) / PACE_MS; sent++) for (const till of this.#clients) this.#send(till);
    await wait(LAST_ACKS_MS);
    return this.waited;
  }

  async end(): Promise<void> {
    await Promise.all(this.#clients.map(({ client }) => client.endAsync(true)));
  }

  #send(till: LiveTill): void {
    const { client, up, epoch } = till;
    const now = Date.now();
    const firstSeq = till.next++;
    const identity = { epoch, firstSeq, hour: hourOf(now), clearThrough: 0 };
    const { bytes } = encodeEvents(identity, parsed([basket(firstSeq, now, this.#next)]));
    this.#sentAt.set(`${epoch}/${firstSeq}`, performance.now());
    client.publish(up, bytes, { qos: 1 });
  }
}

export interface Beside {
  readonly store: StoreConfig;
  /** Of the history: ten batches of a thousand events each. */
  readonly hours: number;
  readonly quietSeconds: number;
}

export async function buildBesideIntake({ store, hours, quietSeconds }: Beside): Promise<Section> {
  const merchant = `bench-${randomBytes(4).toString('hex')}`;
  await using system = await System.start({ merchant, agents: 0, fleet: TILLS, store });
  const tables = await openTables(store);
  const first = Math.floor(Date.now() / HOUR_MS / 24) * 24 - 24 * Math.ceil(hours / 24);
  const key = await new Control(tables).digestKey(new Uint8Array(16));
  await fill(tables, key, { merchant: `${merchant}-history` as MerchantId, first, hours, size: 1_000 });
  await tables.close();
  const config = ['--config', system.collector.config, '--json'];
  await runJson(MAIN, ['logic', 'add', '--dimensions', 'method,cashier,category', ...config]);
  const live = await LiveTills.connect(system);
  try {
    const until = performance.now() + quietSeconds * 1_000;
    const quiet = await live.sell(() => performance.now() > until);
    const build: ChildProcess = spawn(process.execPath, [MAIN, 'reprocess', ...config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed] = [text(build.stdout!), once(build, 'exit')];
    const beside = await live.sell(() => build.exitCode !== null || build.signalCode !== null);
    const { events, seconds } = JSON.parse(await printed) as { events: number; seconds: number };
    const row = (when: string, waited: readonly number[]) => ({
      ...{ when, batches: waited.length, 'p50 ms': quantile(waited, 0.5), 'p99 ms': quantile(waited, 0.99) },
      'p99/quiet': quantile(waited, 0.99) / quantile(quiet, 0.99),
    });
    return {
      name: 'Live acks beside a build of a logic version',
      how: `${TILLS} tills send ${(TILLS * 1_000) / PACE_MS} single events a second; ${events} events of another merchant are built beside them`,
      rows: [
        { ...row('nothing beside', quiet), 'build events/s': null },
        { ...row('a build beside', beside), 'build events/s': events / seconds },
      ],
    };
  } finally {
    await live.end();
  }
}
