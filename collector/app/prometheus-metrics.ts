/** The collector's Prometheus metrics, behind the small interfaces that its stages define. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BrokerMetrics } from '../broker/access/metrics.ts';
import type { IngestMetrics } from '../ingest/metrics.ts';
import { FAULTS, type Fault } from '../rollup/audit/compare.ts';
import type { PassReport } from '../rollup/passes/pass-report.ts';
import type { SweepReport } from '../rollup/verify/sweep.ts';
import type { ParkReason } from '../store/parked-hours.ts';
import type { TlsMetrics } from './tls-reload.ts';

export interface CollectorMetrics {
  readonly registry: Registry;
  readonly broker: BrokerMetrics;
  readonly ingest: IngestMetrics;
  readonly tls: TlsMetrics;
  readonly rolledUp: (report: PassReport, seconds: number) => void;
  readonly rollupFailed: () => void;
  /** @param seqs claimed with different contents, of hours just published */
  readonly rollupConflicts: (seqs: number) => void;
  readonly parked: (reason: ParkReason) => void;
  /** Runners that divide the salts, this one included. */
  readonly runners: (count: number) => void;
  /** The sweep found an hour or day that differs from the raw log. */
  readonly auditMismatch: (kind: Fault) => void;
  readonly swept: (report: SweepReport, now: number) => void;
  readonly auditFailed: () => void;
  /** Seconds by which this machine's clock is ahead of the store's. */
  readonly clockAhead: (seconds: number) => void;
}

export function createMetrics(region: string): CollectorMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ region });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name: `tillstream_${name}`, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name: `tillstream_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `tillstream_${name}`, help, buckets, registers });
  return {
    registry,
    broker: brokerMetrics(counter, gauge),
    ingest: ingestMetrics(counter, gauge, histogram),
    tls: tlsMetrics(counter, gauge),
    ...rollupMetrics(counter, gauge, histogram),
    ...auditMetrics(counter, gauge),
    ...clockMetrics(gauge),
  };
}

type MakeCounter = <L extends string = never>(name: string, help: string, labelNames?: L[]) => Counter<L>;
type MakeGauge = <L extends string = never>(name: string, help: string, labelNames?: L[]) => Gauge<L>;
type MakeHistogram = (name: string, help: string, buckets: number[]) => Histogram;

function brokerMetrics(counter: MakeCounter, gauge: MakeGauge): BrokerMetrics {
  const connections = gauge('mqtt_connections', 'Open connections, including those not accepted yet.');
  const connects = counter('mqtt_connects_total', 'CONNECT packets answered, by outcome.', ['outcome']);
  const ended = counter('mqtt_ended_total', 'Connections that the broker ended, by reason.', ['reason']);
  const messages = counter('mqtt_messages_total', 'Messages received from tills, by channel.', ['channel']);
  const bytes = counter('mqtt_received_bytes_total', 'Payload bytes received from tills, by channel.', ['channel']);
  const subscriptions = counter(
    'mqtt_subscriptions_refused_total',
    'Subscriptions to topics that are not the till’s own.',
  );
  return {
    connections: (open) => connections.set(open),
    connected: (outcome) => connects.inc({ outcome }),
    ended: (reason) => ended.inc({ reason }),
    received: (channel, size) => {
      messages.inc({ channel });
      bytes.inc({ channel }, size);
    },
    subscriptionRefused: () => subscriptions.inc(),
  };
}

function ingestMetrics(counter: MakeCounter, gauge: MakeGauge, histogram: MakeHistogram): IngestMetrics {
  const batches = counter('ingest_batches_total', 'Batches answered, by result.', ['result']);
  const events = counter(
    'ingest_events_stored_total',
    'Events in stored batches; one that comes in another batch counts again.',
  );
  const bytes = counter('ingest_bytes_stored_total', 'Wire bytes of batches stored.');
  const groups = histogram('ingest_group_batches', 'Batches that shared a commit.', [1, 2, 5, 10, 50, 100, 500]);
  const seconds = histogram(
    'ingest_commit_seconds',
    'Duration of a commit: rows, then due marks.',
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
  );
  const failures = counter('ingest_commit_failures_total', 'Commits that failed; their batches were answered busy.');
  const marks = counter('ingest_marks_total', 'Stored batches with a new due mark, or covered by one.', ['mark']);
  const held = gauge('ingest_held_bytes', 'Bytes of batches that are not answered yet.');
  const refused = counter(
    'ingest_refused_total',
    'Batches answered busy because their terminal or merchant exceeds a limit, by reason.',
    ['reason'],
  );
  const repeats = counter('ingest_repeats_total', 'Batches that were stored already, answered without decoding.');
  const statuses = counter('ingest_statuses_total', 'Status records of epochs, by outcome.', ['outcome']);
  const lacks = counter(
    'ingest_store_lacks_total',
    'Terminals that were told to send again what they keep: the store lacked what it acknowledged to them.',
  );
  return {
    stored: (rows) => {
      events.inc(rows.events);
      bytes.inc(rows.bytes);
    },
    committed: (group) => {
      groups.observe(group.batches);
      seconds.observe(group.seconds);
    },
    commitFailed: () => failures.inc(),
    acked: (result) => batches.inc({ result }),
    refused: (reason) => refused.inc({ reason }),
    repeated: () => repeats.inc(),
    marked: (made, covered) => {
      marks.inc({ mark: 'made' }, made);
      marks.inc({ mark: 'covered' }, covered);
    },
    heldBytes: (size) => held.set(size),
    statuses: (outcome, count) => statuses.inc({ outcome }, count),
    storeLacks: () => lacks.inc(),
  };
}

function tlsMetrics(counter: MakeCounter, gauge: MakeGauge): TlsMetrics {
  const reloads = counter('tls_reloads_total', 'Changes of the files of mqtt.tls, by outcome.', ['outcome']);
  const days = gauge(
    'tls_certificate_expires_days',
    'Days until the first certificate in use of the file ends; negative when it has ended.',
    ['file'],
  );
  return {
    reloaded: (outcome) => reloads.inc({ outcome }),
    expires: (file, left) => days.set({ file }, left),
  };
}

function clockMetrics(gauge: MakeGauge): Pick<CollectorMetrics, 'clockAhead'> {
  const ahead = gauge(
    'store_clock_ahead_seconds',
    'By how much the clock of this machine is ahead of that of HBase; 0 on SQLite.',
  );
  return { clockAhead: (seconds) => ahead.set(seconds) };
}

function auditMetrics(
  counter: MakeCounter,
  gauge: MakeGauge,
): Pick<CollectorMetrics, 'auditMismatch' | 'swept' | 'auditFailed'> {
  const mismatches = counter(
    'audit_mismatches_total',
    'Hours and days that the sweep found to differ from the raw log, by kind.',
    ['kind'],
  );
  // A counter that appears with its first increase raises no alarm by it.
  for (const kind of FAULTS) mismatches.inc({ kind }, 0);
  const repairs = counter('audit_repairs_total', 'Of these, those that got a due mark.');
  const compared = counter('audit_compared_total', 'Hours and days that the sweep compared.');
  const failures = counter('audit_failures_total', 'Sweeps, and merchants of sweeps, that failed.');
  const last = gauge('audit_last_sweep_seconds', 'When this process last ended a sweep, seconds since 1970.');
  return {
    auditMismatch: (kind) => mismatches.inc({ kind }),
    swept: (report, now) => {
      repairs.inc(report.repaired);
      compared.inc(report.compared);
      last.set(now / 1000);
    },
    auditFailed: () => failures.inc(),
  };
}

function rollupMetrics(
  counter: MakeCounter,
  gauge: MakeGauge,
  histogram: MakeHistogram,
): Pick<CollectorMetrics, 'rolledUp' | 'rollupFailed' | 'rollupConflicts' | 'parked' | 'runners'> {
  const runners = gauge('rollup_runners', 'Processes of the region that divide the roll-ups, as this one sees them.');
  const published = counter('rollup_published_total', 'Hours and days published.', ['level']);
  const marks = counter('rollup_marks_total', 'Due marks processed.');
  const races = counter('rollup_races_lost_total', 'Compare-and-sets lost to another runner, and repeated.');
  const failures = counter('rollup_failures_total', 'Runs and passes that failed; their due marks stay.');
  const conflicts = counter(
    'rollup_conflicts_total',
    'Seqs that a till has sent with different contents, when an hour was published with them; the earlier counts.',
  );
  const final = counter('rollup_final_hours_total', 'Hours that became final, of all merchants.');
  const parked = counter('rollup_parked_total', 'Terminals, hours and days that figures go without, by reason.', [
    'reason',
  ]);
  const tooLate = counter(
    'rollup_sealed_batches_total',
    'Batches that came for a sealed hour: they are kept and counted, and no figure has them.',
  );
  const seconds = histogram(
    'rollup_pass_seconds',
    'Duration of a pass over all due marks.',
    [0.01, 0.1, 1, 5, 20, 60, 300],
  );
  return {
    rolledUp: (report, took) => {
      published.inc({ level: 'hour' }, report.hours);
      published.inc({ level: 'day' }, report.days);
      final.inc(report.finalHours);
      marks.inc(report.marks);
      races.inc(report.racesLost);
      failures.inc(report.failures);
      tooLate.inc(report.tooLate);
      seconds.observe(took);
    },
    rollupFailed: () => failures.inc(),
    rollupConflicts: (seqs) => conflicts.inc(seqs),
    parked: (reason) => parked.inc({ reason }),
    runners: (count) => runners.set(count),
  };
}
