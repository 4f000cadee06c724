/**
 * A real broker before a real ingest on a real SQLite store behind a switch, with limits and clocks
 * that the test chooses.
 */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { BrokerMetrics } from '../../../collector/broker/access/metrics.ts';
import { TokenVerifier } from '../../../collector/broker/access/token-verifier.ts';
import { Broker, type BrokerOptions } from '../../../collector/broker/broker.ts';
import { brokerLimits } from '../../../collector/broker/limits.ts';
import { Ingest, type IngestOptions } from '../../../collector/ingest/ingest.ts';
import type { IngestMetrics } from '../../../collector/ingest/metrics.ts';
import { DueMarks } from '../../../collector/store/due-marks.ts';
import { EventLog, type RawRow } from '../../../collector/store/event-log.ts';
import { Finality } from '../../../collector/store/finality.ts';
import { openSqliteTables } from '../../../collector/store/sqlite/sqlite-tables.ts';
import { type Registration, Terminals } from '../../../collector/store/terminals.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { HOUR } from './batches.ts';
import { MqttTill, type TillOptions } from './mqtt-till.ts';
import { DIGEST_KEY } from './raw-rows.ts';
import { SwitchableTables } from './switchable-tables.ts';

export const STORE_GEN = 'generation-1';

const LIMITS = {
  ...brokerLimits({ maxConnections: 100, maxHandshakes: 4_096, merchantShare: 0.25, loadBalancers: [] }),
  unreadMs: 10_000,
};
const GATE = { ...LIMITS.gate, maxPublishBytes: 130_000, maxUnreleasedBytes: 512_000, packetMs: 10_000 };

const GROUPS = {
  maxGroups: 1,
  maxRows: 1_000,
  maxBytes: 1_000_000,
  maxWaitMs: 25_000,
  maxSilentMs: 1_000,
  gatherMs: 20,
};

/** What ingest takes of a terminal, so that a test only says what it is about. */
export const INGEST_BOUNDS: Pick<IngestOptions, 'room' | 'quotas' | 'onRefused' | 'storeGen' | 'onStoreLacks'> = {
  room: { maxBytes: 8_000_000, maxTerminalBatches: 64, maxTerminalBytes: 1_048_576 },
  quotas: { bytesPerDay: 2 * 1024 ** 3, eventsPerDay: 20_000_000 },
  onRefused: () => undefined,
  storeGen: () => STORE_GEN,
  onStoreLacks: () => undefined,
};

/** Counts by name, such as `ended oversized`. */
export class Counts {
  readonly #counts = new Map<string, number>();
  add(name: string, by = 1): void {
    this.#counts.set(name, this.of(name) + by);
  }
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

export const ingestMetrics = (counts: Counts): IngestMetrics => ({
  stored: ({ events }) => counts.add('events', events),
  committed: ({ batches }) => {
    counts.add('groups');
    counts.add('batches', batches);
  },
  commitFailed: () => counts.add('failed groups'),
  storeLacks: () => counts.add('store lacks'),
  acked: (result) => counts.add(`acked ${result}`),
  marked: (made, covered) => {
    counts.add('marks made', made);
    counts.add('marks covered', covered);
  },
  refused: (reason) => counts.add(`refused ${reason}`),
  repeated: () => counts.add('repeated'),
  heldBytes: () => undefined,
  statuses: (outcome, count) => counts.add(`statuses ${outcome}`, count),
});

export interface Options {
  readonly broker?: Partial<Omit<BrokerOptions, 'gate' | 'listen' | 'admission' | 'sessions'>>;
  readonly gate?: Partial<BrokerOptions['gate']>;
  readonly admission?: Partial<BrokerOptions['admission']>;
  readonly sessions?: Partial<BrokerOptions['sessions']>;
  readonly listen?: Partial<BrokerOptions['listen']>;
  readonly groups?: Partial<typeof GROUPS>;
  readonly ingest?: Partial<IngestOptions>;
}

export async function brokerAndIngest(t: Test, options: Options = {}) {
  const tables = new SwitchableTables(await openSqliteTables({ path: join(t.testdir(), 'store.db') }));
  await tables.init();
  const stores = {
    log: new EventLog(tables, DIGEST_KEY),
    marks: new DueMarks(tables, () => randomBytes(8).toString('hex')),
    terminals: new Terminals(tables),
    finality: new Finality(tables),
  };
  const counts = new Counts();
  const connections = { open: 0 };
  const metrics: BrokerMetrics = {
    connections: (open) => {
      connections.open = open;
    },
    connected: (outcome) => counts.add(`connects ${outcome}`),
    ended: (reason) => counts.add(`ended ${reason}`),
    received: (channel) => counts.add(`received ${channel}`),
    subscriptionRefused: () => counts.add('subscriptions refused'),
  };
  const now = () => HOUR * 3_600_000 + 600_000;
  const clock = () => performance.now();
  const ingest = new Ingest({
    ...stores,
    ...INGEST_BOUNDS,
    ...{ now, clock, random: () => 0.5, graceMs: 120_000 },
    groups: { ...GROUPS, ...options.groups },
    metrics: ingestMetrics(counts),
    onFailure: () => undefined,
    ...options.ingest,
  });
  const tokenVerifier = new TokenVerifier({
    registry: stores.terminals,
    ...{
      now,
      clock,
      cacheMs: 15_000,
      maxCached: 100,
      deadlineMs: 10_000,
      maxLookups: 100,
      strangers: { atOnce: 100, waiting: 100 },
    },
  });
  const broker = await Broker.start({
    ...LIMITS,
    listen: { host: '127.0.0.1', port: 0, tls: null, ...options.listen },
    websocket: null,
    gate: { ...GATE, ...options.gate },
    admission: { ...LIMITS.admission, ...options.admission },
    sessions: { ...LIMITS.sessions, ...options.sessions },
    ...{ tokenVerifier, inbox: ingest, now, clock, storeGen: () => STORE_GEN, metrics },
    log: { error: (_fields, message) => t.fail(message), info: () => undefined, debug: () => undefined },
    ...options.broker,
  });
  t.teardown(async () => {
    tables.turn('on');
    await broker.stop(1_000);
    await tables.close();
  });

  return {
    ...{ tables, stores, counts, connections, ingest, broker, port: broker.port },
    /** @returns its token */
    async register(merchant: string, terminal: string, more: Partial<Registration> = {}): Promise<string> {
      const token = `token of ${merchant}/${terminal}`;
      const names = { merchant: merchantId(merchant), terminal: terminalId(terminal) };
      const tokens = [{ hash: createHash('sha256').update(token).digest('hex'), expiresAt: null }];
      const before = await stores.terminals.registration(names.merchant, names.terminal);
      const next: Registration = { ...names, store: null, state: 'active', tokens, createdAt: 0, ...more };
      if (!(await stores.terminals.register(next, before))) throw new Error('not registered');
      return token;
    },
    connect: (merchant: string, terminal: string, more: Partial<TillOptions> = {}) =>
      MqttTill.connect({ port: broker.port, merchant, terminal, token: `token of ${merchant}/${terminal}`, ...more }),
    rows: (merchant: string, hour = HOUR): Promise<RawRow[]> =>
      Array.fromAsync(stores.log.scan(merchantId(merchant), hour, hour + 1)),
  };
}
