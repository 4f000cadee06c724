import t from 'tap';
import { eventsOf, split } from '../../../../agent/buffer/settle.ts';
import type { Settlement } from '../../../../agent/port/outbox.ts';
import { epoch } from '../../../../shared/ids.ts';

const EPOCH = epoch('0123456789abcdef');
const settlements: Settlement[] = [
  { kind: 'stored', epoch: EPOCH, firstSeq: 1, lastSeq: 5 },
  { kind: 'loss-stored', id: 7 },
  { kind: 'quarantined', epoch: EPOCH, firstSeq: 9, lastSeq: 9, reason: 'odd' },
];

t.test('portions name each event once, in order, and few at a time', async (t) => {
  const bounded = [];
  for (let left: readonly Settlement[] = settlements; left.length > 0; ) {
    const { first, rest } = split(left, 2);
    bounded.push(first);
    left = rest;
  }
  t.same(bounded, [
    [{ kind: 'stored', epoch: EPOCH, firstSeq: 1, lastSeq: 2 }],
    [{ kind: 'stored', epoch: EPOCH, firstSeq: 3, lastSeq: 4 }],
    [
      { kind: 'stored', epoch: EPOCH, firstSeq: 5, lastSeq: 5 },
      { kind: 'loss-stored', id: 7 },
    ],
    [{ kind: 'quarantined', epoch: EPOCH, firstSeq: 9, lastSeq: 9, reason: 'odd' }],
  ]);
  t.equal(eventsOf(settlements), 7);
  t.same(split(settlements, 7), { first: settlements, rest: [] });
});
