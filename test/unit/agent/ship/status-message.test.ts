import t from 'tap';
import type { Holdings } from '../../../../agent/buffer/port.ts';
import { statusMessage } from '../../../../agent/ship/status-message.ts';
import { epoch } from '../../../../shared/ids.ts';
import { decodeStatus, encodeStatus } from '../../../../shared/wire/messages.ts';

const EPOCH = (at: number) => epoch(at.toString(16).padStart(16, '0'));
const holdings = (epochs: Holdings['epochs']): Holdings => ({
  epochs,
  open: epochs.at(-1)!.epoch,
  pending: 1,
  losses: 2,
  bytes: 3,
});

t.test('what is pending is told by epoch', async (t) => {
  const message = statusMessage(
    '1.0.0',
    holdings([
      {
        epoch: EPOCH(1),
        lastSeq: 9,
        pending: [
          [1, 2],
          [4, 4],
        ],
      },
      { epoch: EPOCH(2), lastSeq: 0, pending: [] },
    ]),
    5,
    -7,
    false,
  );
  t.strictSame(decodeStatus(encodeStatus(message)), {
    version: '1.0.0',
    epochs: [
      {
        epoch: EPOCH(1),
        lastSeq: 9,
        pending: [
          [1, 2],
          [4, 4],
        ],
      },
      { epoch: EPOCH(2), lastSeq: 0, pending: [] },
    ],
    clearThrough: 5,
    losses: 2,
    bufferBytes: 3,
    clockOffsetMs: -7,
  });
});

t.test('more than 16 ranges widen the last, more than 256 epochs leave out the oldest', async (t) => {
  const runs = Array.from({ length: 40 }, (_, at): [number, number] => [at * 10 + 1, at * 10 + 3]);
  const message = statusMessage(
    '1',
    holdings(Array.from({ length: 300 }, (_, at) => ({ epoch: EPOCH(at), lastSeq: 500, pending: runs }))),
    0,
    null,
    false,
  );
  t.not(decodeStatus(encodeStatus(message)), null);
  t.equal(message.epochs.at(-1)!.epoch, EPOCH(299));
  t.same(message.epochs[0]!.pending.slice(-2), [
    [141, 143],
    [151, 393],
  ]);
});

t.test('signing off leaves out the open epoch when nothing of it is pending', async (t) => {
  const older = { epoch: EPOCH(1), lastSeq: 9, pending: [[1, 2]] as const };
  const sign = (pending: readonly (readonly [number, number])[]) =>
    statusMessage('1', holdings([older, { epoch: EPOCH(2), lastSeq: 5, pending }]), 0, null, true).epochs.map(
      ({ epoch }) => epoch,
    );
  t.same(sign([]), [EPOCH(1)]);
  t.same(sign([[5, 5]]), [EPOCH(1), EPOCH(2)]);
});
