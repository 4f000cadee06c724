import t from 'tap';
import type { BufferFacts } from '../../../../agent/buffer/port.ts';
import { bufferStatus, statusTable } from '../../../../agent/inspect/buffer-status.ts';
import { epoch, streamId } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { MERCHANT, NOW, TERMINAL } from '../events.ts';

const EPOCH = epoch('0123456789abcdef');
const facts: BufferFacts = {
  schema: 1,
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
  losses: { events: 1, records: 1, unsent: 1 },
  salvage: null,
  quarantine: [{ stream: streamId(TERMINAL, EPOCH), seq: 5, reason: 'odd', at: NOW }],
  refs: 42,
  refConflicts: 1,
  usedBytes: 3 * 1024 ** 2,
  fileBytes: 5 * 1024 ** 2,
  walBytes: 512,
};

t.test('the table is for people', async (t) => {
  t.equal(
    statusTable('/x/buffer.db', 1024 ** 3, facts, NOW),
    [
      'buffer                                /x/buffer.db (schema 1)',
      'terminal                              acme/till-1',
      'pending                               11 events, the oldest of the hour from 2026-11-22T07:15:00.000Z (3 hours ago)',
      'acknowledged                          1,234,567 events, kept for support',
      'quarantined                           1 events',
      'refs known                            42, of which 1 ever came again with other content',
      'size                                  3.0 MiB of 1.0 GiB: 3.0 MiB in use in a file of 5.0 MiB, log 512 B',
      'epoch 0123456789abcdef                opened 2026-11-22T09:15:00.000Z, last seq 12,345, pending 1-3, 7, 9-10, 12-13 and 2 more runs',
      'quarantined 2026-11-22T10:15:00.000Z  till-1.0123456789abcdef seq 5: odd',
      '',
    ].join('\n'),
  );
});

t.test('an idle buffer is told without an oldest event', async (t) => {
  const table = statusTable(
    'b',
    1024 ** 3,
    { ...facts, pending: 0, oldestPending: null, quarantine: [], epochs: [{ ...facts.epochs[0]!, pending: [] }] },
    NOW,
  );
  t.match(table, /^pending +0 events$/m);
  t.match(table, /nothing pending$/m);
});

t.test('the JSON has times as RFC 3339', async (t) => {
  t.match(bufferStatus(facts), {
    oldestPending: '2026-11-22T07:15:00.000Z',
    epochs: [{ openedAt: '2026-11-22T09:15:00.000Z' }],
    quarantine: [{ at: '2026-11-22T10:15:00.000Z' }],
    pending: 11,
  });
});
