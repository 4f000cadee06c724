/** The role `ingest`: the broker, and behind it the code that stores the tills' batches. */
import { TokenVerifier } from '../broker/access/token-verifier.ts';
import { Broker } from '../broker/broker.ts';
import { brokerLimits, TOKEN_VERIFIER } from '../broker/limits.ts';
import type { StoreConfig } from '../config/collector-config.ts';
import type { RoomLimits } from '../ingest/admission/room.ts';
import { CommitPace } from '../ingest/commit-pace.ts';
import type { GroupLimits } from '../ingest/group-commit.ts';
import { Ingest } from '../ingest/ingest.ts';
import { INGEST_LIMITS } from '../ingest/limits.ts';
import type { IngestMetrics } from '../ingest/metrics.ts';
import { guardInbox, guardMarks } from './clock-guard.ts';
import type { CollectorContext } from './context.ts';
import { TlsReload } from './tls-reload.ts';

const GROUPS: Readonly<Record<StoreConfig['kind'], (store: StoreConfig) => GroupLimits>> = {
  // SQLite has one writer at a time anyway.
  sqlite: () => groups(1),
  hbase: (store) => groups(store.kind === 'hbase' ? store.connections : 1),
};

const groups = (maxGroups: number): GroupLimits => ({
  maxGroups,
  maxRows: INGEST_LIMITS.groupRows.value,
  maxBytes: INGEST_LIMITS.groupBytes.value,
  maxWaitMs: INGEST_LIMITS.storeWait.value,
  maxSilentMs: INGEST_LIMITS.storeSilence.value,
  gatherMs: INGEST_LIMITS.groupGather.value,
});

const ROOM: RoomLimits = {
  maxBytes: INGEST_LIMITS.heldBytes.value,
  maxTerminalBatches: INGEST_LIMITS.batchesPerTerminal.value,
  maxTerminalBytes: INGEST_LIMITS.bytesPerTerminal.value,
};

const TICK_MS = 1_000;
const PACE_MS = 3_000;
/** A change is taken when two polls saw it. */
const TLS_POLL_MS = 2_000;
const DRAIN_MS = 10_000;

export class IngestRole {
  readonly #broker: Broker;
  readonly #ingest: Ingest;
  readonly #tls: TlsReload | null;
  readonly #timers: readonly NodeJS.Timeout[];

  private constructor(broker: Broker, ingest: Ingest, tls: TlsReload | null, pace: CommitPace) {
    this.#broker = broker;
    this.#ingest = ingest;
    this.#tls = tls;
    this.#timers = [
      setInterval(() => void ingest.tick(), TICK_MS),
      setInterval(() => void tls?.poll(), TLS_POLL_MS),
      setInterval(() => void pace.publish(), PACE_MS),
    ];
  }

  /** @param storeGen null while the store is not open: no till is accepted */
  static async start(context: CollectorContext, storeGen: () => string | null): Promise<IngestRole> {
    const { config, maxHandshakes, stores, metrics, now, clock, random, tls, log, clockProblem } = context;
    const pace = new CommitPace({ commitTimes: stores.commitTimes, now });
    const ingest = new Ingest({
      ...stores,
      marks: guardMarks(stores.marks, clockProblem),
      ...{ now, clock, random, storeGen },
      graceMs: config.rollup.graceSeconds * 1000,
      groups: GROUPS[config.store.kind](config.store),
      room: ROOM,
      quotas: config.ingest.quotas,
      metrics: watched(metrics.ingest, pace),
      onFailure: (error, batches) =>
        log.warn({ err: error, batches }, 'batches were not stored; their tills resend them'),
      onRefused: ({ merchant, terminal }, reason, batches) =>
        log.warn(
          { merchant, terminal, reason, batches },
          'batches beyond a limit were refused; the last was of this till',
        ),
      onStoreLacks: ({ merchant, terminal }, terminals) =>
        log.error(
          { merchant, terminal, terminals },
          'the store lacks what it acknowledged, as after a restore: its tills send again what they keep',
        ),
    });
    const { mqtt } = config;
    const broker = await Broker.start({
      ...brokerLimits({ ...mqtt, maxHandshakes }),
      listen: { host: mqtt.host, port: mqtt.port, tls },
      websocket: mqtt.websocket === null ? null : { ...mqtt.websocket, tls },
      tokenVerifier: new TokenVerifier({ registry: stores.terminals, now, clock, ...TOKEN_VERIFIER }),
      inbox: guardInbox(ingest, { problem: clockProblem, random, metrics: metrics.ingest }),
      now: () => (clockProblem() === null ? now() : 0),
      clock,
      storeGen: () => (clockProblem() === null ? storeGen() : null),
      metrics: metrics.broker,
      log,
    });
    return new IngestRole(broker, ingest, tlsReload(context, broker), pace);
  }

  /** Judges the TLS files as they are now. @returns false: there are none */
  reload(): boolean {
    this.#tls?.reload();
    return this.#tls !== null;
  }

  get port(): number {
    return this.#broker.port;
  }

  /**
   * Answers the batches in progress, for a bounded time. A till resends whatever stays unanswered.
   */
  async stop(): Promise<void> {
    await this.#broker.stop(DRAIN_MS);
    for (const timer of this.#timers) clearInterval(timer);
    await this.#ingest.tick();
  }
}

const watched = (metrics: IngestMetrics, pace: CommitPace): IngestMetrics => ({
  ...metrics,
  committed(group) {
    metrics.committed(group);
    pace.add(group.seconds);
  },
});

function tlsReload({ config, tls, metrics, now, clock, log }: CollectorContext, broker: Broker): TlsReload | null {
  const paths = config.mqtt.tls;
  if (tls === null || paths === null) return null;
  return new TlsReload({
    paths,
    served: tls,
    present: (files) => broker.setTls(files),
    now,
    clock,
    metrics: metrics.tls,
    log,
  });
}
