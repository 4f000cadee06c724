import t from 'tap';
import { guardInbox, guardMarks, trustedNow } from '../../../../collector/app/clock-guard.ts';
import type { Inbox } from '../../../../collector/broker/port.ts';
import { StoreUnavailable } from '../../../../collector/store/tables.ts';
import { epoch, merchantId, terminalId } from '../../../../shared/ids.ts';
import type { Ack } from '../../../../shared/wire/messages.ts';
import { batchOf } from '../../../support/collector/batches.ts';
import { EPOCH } from '../../../support/collector/mqtt-till.ts';

const SENDER = { merchant: merchantId('acme'), terminal: terminalId('till-1'), epoch: epoch(EPOCH) };
const STORED: Ack = { stream: `till-1.${EPOCH}`, first: 1, last: 3, sum: 0, result: 'stored' };

/** An inbox that takes all, behind the guard. */
function guarded() {
  const state = { problem: null as string | null, taken: 0, acked: [] as string[] };
  const inbox: Inbox = {
    onBatch: async () => {
      state.taken++;
      return STORED;
    },
    onStatus: async () => {
      state.taken++;
      return { storeGen: 'one', lacks: false };
    },
    credit: () => 0.5,
  };
  const problem = () => state.problem;
  const metrics = { acked: (result: string) => void state.acked.push(result) };
  return { state, problem, guard: guardInbox(inbox, { problem, random: () => 0, metrics }) };
}

t.test('with a clock that can be trusted all passes', async (t) => {
  const { state, guard, problem } = guarded();
  t.equal(await guard.onBatch(SENDER, batchOf(1, 3).bytes), STORED);
  t.same(await guard.onStatus(SENDER, Buffer.of(1)), { storeGen: 'one', lacks: false });
  t.equal(guard.credit(SENDER), 0.5);
  t.same([state.taken, state.acked], [2, []]);
  t.equal(trustedNow(() => 7, problem)(), 7);
});

t.test('else a batch is busy with the reason, counted once, and a status is dropped', async (t) => {
  const { state, guard } = guarded();
  state.problem = 'the clock is wrong';
  const { bytes, header } = batchOf(1, 3);
  t.same(await guard.onBatch(SENDER, bytes), {
    ...{ stream: STORED.stream, first: 1, last: 3, sum: header.bodyCrc },
    ...{ result: 'busy', reason: 'the clock is wrong', retryAfterMs: 5_000 },
  });
  t.match(await guard.onBatch(SENDER, Buffer.from('no batch')), { result: 'busy', first: 0 });
  t.equal(await guard.onStatus(SENDER, Buffer.of(1)), null);
  t.same([state.taken, state.acked], [0, ['busy', 'busy']]);
});

t.test('marks are not made, and passes get no time', async (t) => {
  const { state, problem } = guarded();
  const added: unknown[] = [];
  const marks = guardMarks({ add: async (more) => void added.push(...more) }, problem);
  const mark = { minute: 1, merchant: SENDER.merchant, level: 'hour' as const, time: 1, terminals: [] };
  await marks.add([mark]);
  state.problem = 'the clock is wrong';
  await t.rejects(marks.add([mark]), StoreUnavailable);
  t.same(added, [mark]);
  t.throws(
    trustedNow(() => 7, problem),
    new StoreUnavailable('the clock is wrong'),
  );
});
