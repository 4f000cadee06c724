import t from 'tap';
import { BufferError } from '../../../../agent/buffer/disk/buffer-error.ts';
import { parseConfig } from '../../../../agent/config/agent-config.ts';
import { zeroIngestCounters } from '../../../../agent/ingest/post-events.ts';
import { type AgentFacts, agentSamples, agentStatus } from '../../../../agent/monitoring/agent-status.ts';
import { SampleHistory } from '../../../../agent/monitoring/sample-history.ts';
import type { BufferStats } from '../../../../agent/port/buffer-reader.ts';
import { unknownCollector, zeroCounters } from '../../../../agent/ship/status/collector-state.ts';
import { MINUTE_MS } from '../../../../shared/time.ts';
import { MERCHANT, NOW, TERMINAL } from '../../../support/agent/events.ts';

const MIB = 1024 ** 2;

const parsed = parseConfig({
  merchant: MERCHANT,
  terminal: TERMINAL,
  collector: { urls: ['mqtt://127.0.0.1:1883'], token: 'secret' },
  buffer: { path: '/x/buffer.db', maxBytes: 101 * MIB },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed));

const held: BufferStats = {
  schema: 2,
  merchant: MERCHANT,
  terminal: TERMINAL,
  epochs: [],
  pending: 1_000,
  oldestPending: NOW,
  acked: 0,
  quarantined: 0,
  losses: { events: 12, records: 2, unsent: 1 },
  salvage: null,
  quarantine: [],
  refs: 0,
  refConflicts: 0,
  usedBytes: MIB,
  fileBytes: MIB,
  walBytes: 0,
};

const history = new SampleHistory();
history.add({ at: NOW, elapsed: 0, accepted: 0, pending: 0, bytes: 0 });

const facts: AgentFacts = {
  config: parsed.config,
  version: '1.2.3',
  stream: 'till-1.0123456789abcdef',
  startedAt: NOW,
  buffer: held,
  ingest: zeroIngestCounters(),
  shipper: {
    state: 'offline',
    words: 'not connected: no route; retries automatically',
    address: 'collector:8883',
    lastError: 'no route',
    lastErrorAt: NOW,
    batchesInFlight: 0,
    line: null,
    tried: [],
    silent: false,
    collector: { ...unknownCollector(), clockOffsetMs: null },
    counters: zeroCounters(),
  },
  now: NOW,
  history,
  latest: { at: NOW, elapsed: 60 * MINUTE_MS, accepted: 1_000, pending: 1_000, bytes: MIB },
  full: null,
  diskBytes: 1_000 * MIB,
};

const value = (given: AgentFacts, name: string) =>
  agentSamples(given, 0).find((sample) => sample.name === `tillstream_agent_${name}`)?.value;

t.test('without network it says why, how much waits, and how long the buffer lasts', async (t) => {
  t.match(agentStatus(facts), {
    state: { level: 'warn', title: 'Not shipping', words: [/no route/, /1,000 events pending/] },
    shipping: { state: 'offline', connected: false, words: /no route/ },
    buffer: { hoursUntilFull: 100, full: null },
  });
  t.equal(value(facts, 'buffer_full_in_seconds'), 360_000);
  t.equal(value(facts, 'events_given_up'), 12);
  t.equal(value(facts, 'losses_unsent'), 1);
  t.equal(value(facts, 'buffer_full'), 0);
});

t.test('connected to a collector that does not answer, it is not shipping', async (t) => {
  const words = 'connected, but the collector has not answered for 12 s';
  const silent = { ...facts, shipper: { ...facts.shipper, state: 'shipping' as const, silent: true, words } };
  t.match(agentStatus(silent).state, {
    level: 'warn',
    title: 'Not shipping',
    words: [/has not answered for 12 s\./, /1,000 events pending/],
  });
});

t.test('a full buffer says so, and no hours are left', async (t) => {
  const full = { ...facts, full: 'the disk has no space left' };
  t.match(agentStatus(full), {
    state: { level: 'bad', title: 'Buffer full' },
    buffer: { hoursUntilFull: 0, full: 'the disk has no space left' },
  });
  t.equal(value(full, 'buffer_full'), 1);
  t.equal(value(full, 'buffer_full_in_seconds'), 0);
});

t.test('without a buffer it says why, and has no figures of one', async (t) => {
  const gone = { ...facts, stream: null, buffer: new BufferError('the folder is gone'), latest: null, diskBytes: null };
  t.match(agentStatus(gone), {
    stream: null,
    state: { level: 'bad', title: 'No buffer', words: [/The folder is gone/] },
    buffer: { error: 'the folder is gone' },
  });
  t.equal(value(gone, 'buffer_up'), 0);
  t.equal(value(gone, 'buffer_full_in_seconds'), undefined);
});
