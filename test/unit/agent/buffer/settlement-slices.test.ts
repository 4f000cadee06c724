import t from 'tap';
import type { Settlement } from '../../../../agent/buffer/port.ts';
import { eventsOf, inSlices } from '../../../../agent/buffer/settlement-slices.ts';
import { epoch } from '../../../../shared/ids.ts';

const EPOCH = epoch('0123456789abcdef');
const settlements: Settlement[] = [
  { kind: 'stored', epoch: EPOCH, firstSeq: 1, lastSeq: 5 },
  { kind: 'loss-stored', id: 7 },
  { kind: 'quarantined', epoch: EPOCH, firstSeq: 9, lastSeq: 9, reason: 'odd' },
];

t.test('slices name each event once, in order, and few at a time', async (t) => {
  t.same(
    [...inSlices(settlements, 2)],
    [
      [{ kind: 'stored', epoch: EPOCH, firstSeq: 1, lastSeq: 2 }],
      [{ kind: 'stored', epoch: EPOCH, firstSeq: 3, lastSeq: 4 }],
      [{ kind: 'stored', epoch: EPOCH, firstSeq: 5, lastSeq: 5 }],
      [{ kind: 'loss-stored', id: 7 }],
      [{ kind: 'quarantined', epoch: EPOCH, firstSeq: 9, lastSeq: 9, reason: 'odd' }],
    ],
  );
  t.equal(eventsOf(settlements), 7);
});
