/**
 * Gathers the content of support's page, on request only: it costs nothing while nobody reads it.
 */
import { redact } from '../../shared/event/card-data/card-data.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { eventView } from '../inspect/facts/event-view.ts';
import { ANY_EVENT } from '../inspect/facts/paging.ts';
import { lossView } from '../inspect/losses.ts';
import type { BufferReport, InspectReport } from '../inspect/page/report.ts';
import { iso, size } from '../inspect/terminal/format.ts';
import type { BufferReader, StoredEvent } from '../port/buffer-reader.ts';
import { type AgentFacts, type AgentStatus, agentStatus, isConnected } from './agent-status.ts';
import { chartPoints } from './chart-points.ts';
import type { ConnectionEvent } from './connection-log.ts';

const EVENTS = 20;
const LOSSES = 50;

function newest(reader: BufferReader): { events: readonly StoredEvent[]; damage: readonly string[] } {
  const { events, damage } = reader.events(ANY_EVENT, null, 'newest');
  return { events: events.slice(0, EVENTS), damage };
}

type FromFile = Pick<InspectReport, 'events' | 'quarantined' | 'losses' | 'unread'>;

function fromFile(open: () => BufferReader): FromFile {
  let reader: BufferReader | null = null;
  try {
    reader = open();
    const { events, damage } = newest(reader);
    return {
      events: events.map((event) => eventView(event, false)),
      quarantined: reader.latestQuarantined(EVENTS).map((event) => eventView(event, false)),
      losses: reader.latestLosses(LOSSES).map(lossView),
      unread: damage,
    };
  } catch (error) {
    return { events: [], quarantined: [], losses: [], unread: [redact((error as Error).message)] };
  } finally {
    reader?.close();
  }
}

function settingsOf(config: AgentConfig, address: string): [string, string][] {
  const { collector, buffer, ingest, ship } = config;
  const { ca, cert } = collector.tls;
  const authentication = [
    ...(collector.token === null
      ? []
      : [collector.token.kind === 'file' ? `token of ${collector.token.path}` : 'token']),
    ...(cert === null ? [] : [`certificate ${cert}`]),
  ];
  return [
    ['collector', collector.addresses.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`).join(', ')],
    ['current address', address],
    ['authenticates with', authentication.join(', ')],
    ...(ca === null ? [] : [['trusted CA', ca] as [string, string]]),
    ['listens on', `${ingest.host} port ${ingest.port}`],
    ['store', config.store ?? 'given by each event'],
    ['buffer', buffer.path],
    ['size limit', size(buffer.maxBytes)],
    ['when full', buffer.whenFull === 'reject' ? 'refuses new events' : 'drops the oldest'],
    ['keeps acknowledged events', `${buffer.keepAckedHours} hours`],
    ['longest reconnect delay', `${ship.reconnectMaxMs / 1000} s`],
  ];
}

function bufferReport({ buffer }: AgentStatus): BufferReport | null {
  if ('error' in buffer) return null;
  const { pending, oldestPending, acked, quarantined, losses, usedBytes, walBytes, maxBytes, hoursUntilFull } = buffer;
  return { pending, oldestPending, acked, quarantined, losses, bytes: usedBytes + walBytes, maxBytes, hoursUntilFull };
}

/**
 * @param open opens the buffer's file for reading; it is closed again
 * @param connections newest first
 */
export function inspectReport(
  facts: AgentFacts,
  connections: readonly ConnectionEvent[],
  open: () => BufferReader,
): InspectReport {
  const { config, version, startedAt, history, latest, now, shipper } = facts;
  const status = agentStatus(facts);
  return {
    at: iso(now),
    merchant: config.merchant,
    terminal: config.terminal,
    version,
    startedAt: iso(startedAt),
    state: status.state,
    connected: isConnected(shipper),
    buffer: bufferReport(status),
    history: chartPoints(history.samples(), latest),
    ...fromFile(open),
    connections: connections.map(({ at, message, ...rest }) => ({ at: iso(at), words: redact(message), ...rest })),
    settings: settingsOf(config, shipper.address),
  };
}
