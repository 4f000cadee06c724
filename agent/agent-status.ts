/** What `/v1/status` and `/metrics` say of a running agent. */
import type { BufferFacts } from './buffer/port.ts';
import type { AgentConfig } from './config.ts';
import type { Sample } from './ingest/metrics.ts';
import type { IngestCounters } from './ingest/post-events.ts';
import { type BufferStatus, bufferStatus } from './inspect/buffer-status.ts';
import type { ShipperReport } from './ship/shipper.ts';

export interface AgentStatus {
  readonly version: string;
  readonly merchant: string;
  readonly terminal: string;
  readonly store: string | null;
  readonly stream: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly buffer: (BufferStatus & { readonly maxBytes: number }) | { readonly error: string };
  readonly connection: Omit<ShipperReport, 'counters' | 'collector' | 'lastErrorAt'> & {
    readonly lastErrorAt: string | null;
  };
  /** As the collector last said. */
  readonly collector: ShipperReport['collector'];
  /** Since the start. */
  readonly counters: IngestCounters & ShipperReport['counters'];
}

export interface AgentFacts {
  readonly config: AgentConfig;
  readonly version: string;
  readonly stream: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** An error where the disk is gone: the agent still says so. */
  readonly buffer: BufferFacts | Error;
  readonly ingest: IngestCounters;
  readonly shipper: ShipperReport;
}

export function agentStatus({ config, version, stream, startedAt, buffer, ingest, shipper }: AgentFacts): AgentStatus {
  const { counters, collector, lastErrorAt, ...connection } = shipper;
  return {
    version,
    merchant: config.merchant,
    terminal: config.terminal,
    store: config.store,
    stream,
    startedAt: new Date(startedAt).toISOString(),
    buffer:
      buffer instanceof Error
        ? { error: buffer.message }
        : { ...bufferStatus(buffer), maxBytes: config.buffer.maxBytes },
    connection: { ...connection, lastErrorAt: lastErrorAt === null ? null : new Date(lastErrorAt).toISOString() },
    collector,
    counters: { ...ingest, ...counters },
  };
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** @param rssBytes of the process */
export function agentSamples({ config, buffer, ingest, shipper, startedAt }: AgentFacts, rssBytes: number): Sample[] {
  const gauge = (name: string, help: string, value: number): Sample => ({
    name: `tillstream_agent_${name}`,
    help,
    kind: 'gauge',
    value,
  });
  const counter = (name: string, help: string, value: number): Sample => ({
    name: `tillstream_agent_${name}_total`,
    help,
    kind: 'counter',
    value,
  });
  const samples: Sample[] = [
    gauge('start_time_seconds', 'When the agent started, in seconds since 1970.', startedAt / 1000),
    gauge('resident_memory_bytes', 'Resident memory of the process.', rssBytes),
    gauge('buffer_up', '1 while the buffer can be read.', buffer instanceof Error ? 0 : 1),
    gauge('buffer_max_bytes', 'Budget of the buffer.', config.buffer.maxBytes),
    gauge('connected', '1 while the collector takes batches.', shipper.state === 'shipping' ? 1 : 0),
    gauge('batches_in_flight', 'Batches that are not acknowledged yet.', shipper.batchesInFlight),
    gauge('credit', "Factor that the collector puts on the agent's window.", shipper.collector.credit),
  ];
  const { clockOffsetMs } = shipper.collector;
  if (clockOffsetMs !== null)
    samples.push(gauge('clock_offset_seconds', "Collector's clock less the agent's.", clockOffsetMs / 1000));
  if (!(buffer instanceof Error)) {
    samples.push(
      gauge('events_pending', 'Events that the collector has not acknowledged.', buffer.pending),
      gauge('events_acked_kept', 'Acknowledged events that are still kept.', buffer.acked),
      gauge('events_quarantined', 'Events set aside.', buffer.quarantined),
      gauge('refs', 'Refs known for de-duplication.', buffer.refs),
      counter('ref_conflicts', 'Events stored although their ref was known with other content.', buffer.refConflicts),
      gauge('buffer_bytes', 'Bytes in use in the database and its log.', buffer.usedBytes + buffer.walBytes),
    );
    if (buffer.oldestPending !== null) {
      samples.push(
        gauge(
          'oldest_pending_hour_seconds',
          'Start of the hour of the oldest pending event, in seconds since 1970.',
          buffer.oldestPending / 1000,
        ),
      );
    }
  }
  for (const [name, value] of Object.entries(ingest))
    samples.push(counter(`ingest_${snake(name)}`, `Ingest: ${snake(name).replaceAll('_', ' ')}.`, value));
  for (const [name, value] of Object.entries(shipper.counters))
    samples.push(counter(`ship_${snake(name)}`, `Shipping: ${snake(name).replaceAll('_', ' ')}.`, value));
  return samples;
}
