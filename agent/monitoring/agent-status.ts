/** Status and metrics of a running agent, as `/v1/status` and `/metrics` report them. */

import type { AgentConfig } from '../config/agent-config.ts';
import type { IngestCounters } from '../ingest/post-events.ts';
import { type AgentHealth, type HealthFacts, healthOf } from '../inspect/facts/health.ts';
import { type BufferStatus, bufferStatus } from '../inspect/status.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { Sample } from '../runtime/render-metrics.ts';
import type { ShipperReport } from '../ship/status/shipper-report.ts';
import type { HistorySample, SampleHistory } from './sample-history.ts';
import { hoursUntilFull } from './time-to-full.ts';

export interface AgentStatus {
  readonly version: string;
  readonly merchant: string;
  readonly terminal: string;
  readonly store: string | null;
  /** Null while no buffer is open. */
  readonly stream: string | null;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly buffer:
    | (BufferStatus & {
        readonly maxBytes: number;
        /** See `hoursUntilFull`. */
        readonly hoursUntilFull: number | null;
        /** Why new events are refused; null when they are accepted. */
        readonly full: string | null;
      })
    | { readonly error: string };
  /** Summary of the agent's health. */
  readonly state: AgentHealth;
  /** Whether it ships, and if not, why. */
  readonly shipping: { readonly state: ShipperReport['state']; readonly connected: boolean; readonly words: string };
  readonly connection: Omit<ShipperReport, 'counters' | 'collector' | 'lastErrorAt'> & {
    readonly lastErrorAt: string | null;
  };
  /** As the collector last reported. */
  readonly collector: ShipperReport['collector'];
  /** Since the start. */
  readonly counters: IngestCounters & ShipperReport['counters'];
}

export interface AgentFacts {
  readonly config: AgentConfig;
  readonly version: string;
  /** Null while no buffer is open. */
  readonly stream: string | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** An error when the buffer cannot be read; the status then reports it. */
  readonly buffer: BufferStats | Error;
  readonly ingest: IngestCounters;
  readonly shipper: ShipperReport;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly history: SampleHistory;
  /** Null when the buffer cannot be read. */
  readonly latest: HistorySample | null;
  /** Why new events are refused; null when they are accepted. */
  readonly full: string | null;
  /** Free space of the file system less the reserve to keep free; null when it cannot be read. */
  readonly diskBytes: number | null;
}

export const isConnected = ({ state }: ShipperReport): boolean => state === 'shipping' || state === 'draining';

/** Hours until the buffer is full; null when unknown. See `hoursUntilFull`. */
function untilFull({ config, buffer, history, latest, diskBytes, shipper, full }: AgentFacts): number | null {
  if (full !== null) return 0;
  if (buffer instanceof Error || latest === null || diskBytes === null) return null;
  const { maxBytes } = config.buffer;
  return hoursUntilFull(history, latest, buffer, { maxBytes, diskBytes }, isConnected(shipper));
}

function stateFacts({ buffer, full, shipper }: AgentFacts): HealthFacts {
  const contents = buffer instanceof Error ? { pending: 0, quarantined: 0, salvage: null } : buffer;
  return {
    unavailable: buffer instanceof Error ? buffer.message : null,
    full,
    pending: contents.pending,
    quarantined: contents.quarantined,
    recovery: contents.salvage,
    shipping: {
      connected: isConnected(shipper),
      isHeldOff: shipper.silent || shipper.collector.holding !== null,
      explanation: shipper.words,
    },
  };
}

export function agentStatus(facts: AgentFacts): AgentStatus {
  const { config, version, stream, startedAt, buffer, ingest, shipper, full } = facts;
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
        : { ...bufferStatus(buffer), maxBytes: config.buffer.maxBytes, hoursUntilFull: untilFull(facts), full },
    state: healthOf(stateFacts(facts)),
    shipping: { state: shipper.state, connected: isConnected(shipper), words: shipper.words },
    connection: { ...connection, lastErrorAt: lastErrorAt === null ? null : new Date(lastErrorAt).toISOString() },
    collector,
    counters: { ...ingest, ...counters },
  };
}

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

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const countersOf = (prefix: string, title: string, counters: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(counters).map(([name, value]) =>
    counter(`${prefix}_${snake(name)}`, `${title}: ${snake(name).replaceAll('_', ' ')}.`, value),
  );

/** @param hours until the buffer is full; null when unknown */
function bufferSamples(buffer: BufferStats, hours: number | null): Sample[] {
  const { pending, acked, quarantined, losses, refs, refConflicts, usedBytes, walBytes, oldestPending } = buffer;
  const samples = [
    gauge('events_pending', 'Events that the collector has not acknowledged.', pending),
    gauge('events_acked_kept', 'Acknowledged events that are still kept.', acked),
    gauge('events_quarantined', 'Events in quarantine.', quarantined),
    gauge('events_given_up', 'Lost events, according to the loss ledger.', losses.events),
    gauge('losses_unsent', 'Loss records that the collector has not acknowledged.', losses.unsent),
    gauge('refs', 'Dedup keys (refs) in the index.', refs),
    counter('ref_conflicts', 'Events stored although their ref was known with other content.', refConflicts),
    gauge('buffer_bytes', 'Bytes in use in the database and its WAL.', usedBytes + walBytes),
  ];
  if (hours !== null)
    samples.push(gauge('buffer_full_in_seconds', "Time until the buffer is full, at today's rate.", hours * 3600));
  if (oldestPending !== null) {
    const help = 'Start of the hour of the oldest pending event, in seconds since 1970.';
    samples.push(gauge('oldest_pending_hour_seconds', help, oldestPending / 1000));
  }
  return samples;
}

/** @param rssBytes resident memory of the process */
export function agentSamples(facts: AgentFacts, rssBytes: number): Sample[] {
  const { config, buffer, ingest, shipper, startedAt, full } = facts;
  const isRefusing = full === null ? 0 : 1;
  const { clockOffsetMs, credit } = shipper.collector;
  return [
    gauge('start_time_seconds', 'When the agent started, in seconds since 1970.', startedAt / 1000),
    gauge('resident_memory_bytes', 'Resident memory of the process.', rssBytes),
    gauge('buffer_up', '1 while the buffer can be read.', buffer instanceof Error ? 0 : 1),
    gauge('buffer_full', '1 while new events are refused because the buffer or the disk is full.', isRefusing),
    gauge('buffer_max_bytes', 'Configured size limit of the buffer.', config.buffer.maxBytes),
    gauge('connected', '1 while the collector accepts batches.', shipper.state === 'shipping' ? 1 : 0),
    gauge('batches_in_flight', 'Batches that are not acknowledged yet.', shipper.batchesInFlight),
    gauge('credit', "Factor by which the collector scales the agent's window.", credit),
    ...(clockOffsetMs === null
      ? []
      : [gauge('clock_offset_seconds', "Collector's clock minus the agent's.", clockOffsetMs / 1000)]),
    ...(buffer instanceof Error ? [] : bufferSamples(buffer, untilFull(facts))),
    ...countersOf('ingest', 'Ingest', { ...ingest }),
    ...countersOf('ship', 'Shipping', shipper.counters as unknown as Record<string, number>),
  ];
}
