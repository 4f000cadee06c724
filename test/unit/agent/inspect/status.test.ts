import t from 'tap';
import { bufferStatus, statusTable } from '../../../../agent/inspect/status.ts';
import { PLAIN } from '../../../../agent/inspect/terminal/colors.ts';
import type { BufferStats } from '../../../../agent/port/buffer-reader.ts';
import { epoch, streamId } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { MERCHANT, NOW, TERMINAL } from '../../../support/agent/events.ts';

const EPOCH = epoch('0123456789abcdef');
const facts: BufferStats = {
  schema: 2,
  merchant: MERCHANT,
  terminal: TERMINAL,
  epochs: [
    {
      epoch: EPOCH,
      lastSeq: 12_345,
      pending: [
        [1, 3],
        [7, 7],
        [9, 10],
        [12, 13],
        [15, 16],
        [18, 19],
      ],
      openedAt: NOW - HOUR_MS,
    },
  ],
  pending: 11,
  oldestPending: NOW - 3 * HOUR_MS,
  acked: 1_234_567,
  quarantined: 1,
  losses: { events: 12, records: 2, unsent: 1 },
  salvage: null,
  quarantine: [{ stream: streamId(TERMINAL, EPOCH), seq: 5, reason: 'odd', at: NOW }],
  refs: 42,
  refConflicts: 1,
  usedBytes: 3 * 1024 ** 2,
  fileBytes: 5 * 1024 ** 2,
  walBytes: 512,
};

const at = { path: '/x/buffer.db', maxBytes: 1024 ** 3, facts, live: null, asked: false, now: NOW };

t.test('the table is for people', async (t) => {
  t.equal(
    statusTable(at, PLAIN),
    [
      'terminal                acme/till-1',
      'pending                 11 events',
      'oldest pending          in the hour from 2026-11-22 07:15Z, 3 hours ago',
      'acknowledged            1,234,567 events, kept for support',
      'quarantined             1 event; show them with: peek --state quarantined',
      'lost                    12 events in 2 records, 1 not reported yet; show them with: losses',
      'size                    3.0 MiB of 1.0 GiB: 3.0 MiB in use in a file of 5.0 MiB, WAL 512 B',
      'known refs              42; 1 conflict (same ref with other content)',
      'buffer                  /x/buffer.db (schema 2)',
      'epoch 0123456789abcdef  opened 2026-11-22 09:15:00Z, last seq 12,345, 1-3, 7, 9-10, 12-13 and 2 more ranges pending',
      '',
    ].join('\n'),
  );
});

t.test('above it stands what a running agent says in words', async (t) => {
  const live = {
    version: '1.2.3',
    merchant: 'acme',
    terminal: 'till-1',
    stream: 'till-1.0123456789abcdef',
    startedAt: '2026-11-22T09:15:00.000Z',
    state: { level: 'warn', title: 'Not shipping', words: ['The collector refuses the token (a port 1883).'] },
    shipping: { state: 'offline', connected: false, words: 'the collector refuses the token' },
    buffer: { hoursUntilFull: 41.3 },
  } as const;
  const table = statusTable({ ...at, live, asked: true }, PLAIN);
  t.match(table, /^▲ Not shipping\n {2}The collector refuses the token \(a port 1883\)\.\n\nterminal/);
  t.match(table, /^agent +runs since 2026-11-22 09:15:00Z, version 1\.2\.3$/m);
  t.match(table, /^full in +about 41 hours at today's rate$/m);
  t.match(
    statusTable({ ...at, live: { ...live, buffer: { hoursUntilFull: null } }, asked: true }, PLAIN),
    /^full in +known after a few minutes of sales$/m,
  );
  t.match(statusTable({ ...at, asked: true }, PLAIN), /^agent +does not answer: these facts are from its file alone$/m);
});

t.test('what is of this hour is not told as an hour old', async (t) => {
  const words = (now: number): string => /oldest pending +(.*)/.exec(statusTable({ ...at, now }, PLAIN))![1]!;
  const hour = facts.oldestPending!;
  t.equal(words(hour + 59 * 60_000), 'in the hour from 2026-11-22 07:15Z, this hour');
  t.equal(words(hour + HOUR_MS), 'in the hour from 2026-11-22 07:15Z, last hour');
  t.equal(words(hour + 2 * HOUR_MS), 'in the hour from 2026-11-22 07:15Z, 2 hours ago');
  t.equal(
    words(hour - HOUR_MS),
    'in the hour from 2026-11-22 07:15Z, in 60 minutes',
    'the clock was wrong then or is now',
  );
});

t.test('an idle buffer is told without an oldest event', async (t) => {
  const idle = { ...facts, pending: 0, oldestPending: null, epochs: [{ ...facts.epochs[0]!, pending: [] }] };
  const table = statusTable({ ...at, facts: idle }, PLAIN);
  t.match(table, /^pending +0 events$/m);
  t.match(table, /nothing pending$/m);
  t.notMatch(table, 'oldest');
});

t.test('the JSON has times as RFC 3339', async (t) => {
  t.match(bufferStatus(facts), {
    oldestPending: '2026-11-22T07:15:00.000Z',
    epochs: [{ openedAt: '2026-11-22T09:15:00.000Z' }],
    quarantine: [{ at: '2026-11-22T10:15:00.000Z' }],
    pending: 11,
  });
});
