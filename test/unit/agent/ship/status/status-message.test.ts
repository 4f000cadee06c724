import t from 'tap';
import type { Holdings } from '../../../../../agent/port/outbox.ts';
import { type StatusFacts, statusMessage } from '../../../../../agent/ship/status/status-message.ts';
import { type Epoch, epoch } from '../../../../../shared/ids.ts';
import { type AckedRun, decodeStatus, encodeStatus } from '../../../../../shared/wire/messages.ts';

const EPOCH = (at: number) => epoch(at.toString(16).padStart(16, '0'));
const told = (of: Holdings, more: Partial<StatusFacts> = {}) =>
  statusMessage({
    version: '1.0.0',
    holdings: of,
    acknowledged: { storeGen: null, runs: [] },
    clearThrough: 5,
    clockOffsetMs: -7,
    unsentLosses: new Set(),
    signingOff: false,
    ...more,
  });
const holdings = (epochs: Holdings['epochs']): Holdings => ({
  epochs,
  drained: [],
  open: epochs.at(-1)!.epoch,
  pending: 1,
  losses: 2,
  bytes: 3,
});

t.test('what was acknowledged is told, and of which generation', async (t) => {
  const run = (last: number): AckedRun => [1, EPOCH(1), 498_705, 1, last];
  const runs = Array.from({ length: 20 }, (_, at) => run(at + 1));
  const none = holdings([{ epoch: EPOCH(1), lastSeq: 9, pending: [] }]);
  const message = told(none, { acknowledged: { storeGen: 'gen-1', runs } });
  t.match(decodeStatus(encodeStatus(message)), { storeGen: 'gen-1', ackedThrough: runs.slice(0, 16) });
  t.equal(message.ackedThrough?.length, 16);
});

t.test('what is pending is told by epoch', async (t) => {
  const message = told(
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
    closed: [],
    clearThrough: 5,
    losses: 2,
    bufferBytes: 3,
    clockOffsetMs: -7,
    ackedThrough: [],
  });
});

t.test('more than 16 ranges widen the last, more than 256 epochs leave out the oldest', async (t) => {
  const runs = Array.from({ length: 40 }, (_, at): [number, number] => [at * 10 + 1, at * 10 + 3]);
  const message = told(
    holdings(Array.from({ length: 300 }, (_, at) => ({ epoch: EPOCH(at), lastSeq: 500, pending: runs }))),
  );
  t.not(decodeStatus(encodeStatus(message)), null);
  t.equal(message.epochs.at(-1)!.epoch, EPOCH(299));
  t.same(message.epochs[0]!.pending.slice(-2), [
    [141, 143],
    [151, 393],
  ]);
});

t.test('signing off closes the open epoch when nothing of it is left to send', async (t) => {
  const older = { epoch: EPOCH(1), lastSeq: 9, pending: [[1, 2]] as const };
  const sign = (pending: readonly (readonly [number, number])[], unsentLosses = new Set<Epoch>()) =>
    told(holdings([older, { epoch: EPOCH(2), lastSeq: 5, pending }]), { unsentLosses, signingOff: true });
  t.same(sign([]).closed, [[EPOCH(2), 5]]);
  t.same(
    sign([]).epochs.map(({ epoch }) => epoch),
    [EPOCH(1), EPOCH(2)],
  );
  t.same(sign([[5, 5]]).closed, []);
  t.same(sign([], new Set([EPOCH(2)])).closed, [], 'a loss record is something to send');
});

t.test('epochs of which nothing is left are closed, unless a loss record is to be sent', async (t) => {
  const drained = Array.from({ length: 300 }, (_, at) => ({ epoch: EPOCH(at + 1), lastSeq: at }));
  const open = { epoch: EPOCH(999), lastSeq: 5, pending: [] };
  const of = { ...holdings([open]), drained };
  const { closed } = told(of, { unsentLosses: new Set([EPOCH(300)]) });
  t.equal(closed?.length, 256);
  t.same(closed?.at(-1), [EPOCH(299), 298]);
  t.not(decodeStatus(encodeStatus(told(of))), null);
});
