import t from 'tap';
import type { SqliteBuffer } from '../../../../agent/buffer/sqlite-buffer.ts';
import { MERCHANT, TERMINAL } from '../../../support/agent/events.ts';
import { until } from '../../../support/agent/fake-timers.ts';
import { SILENCE } from '../../../support/agent/scripted-collector.ts';
import { fixture, settled } from '../../../support/agent/shipper-fixture.ts';

const FROM = { merchant: MERCHANT, terminal: TERMINAL };

/** Each is a record of its own: the seqs do not touch. */
const giveUp = (buffer: SqliteBuffer, seqs: readonly number[]) =>
  buffer.settle(
    seqs.map((seq) => ({
      kind: 'quarantined' as const,
      epoch: buffer.holdings().open,
      firstSeq: seq,
      lastSeq: seq,
      reason: 'odd',
    })),
  );
const unsent = (buffer: SqliteBuffer) => buffer.facts().losses.unsent;

t.test('loss records ship before anything else, several at a time', async (t) => {
  const { buffer, collector, shipper, accept } = await fixture(t);
  await accept(0, 12);
  await giveUp(buffer, [2, 4, 6, 8, 10]);
  collector.lossScript = () => null;
  shipper.start();
  await until(() => collector.losses.length === 3 && collector.batches.length === 1, 'three records, and a batch');
  t.same(collector.log.slice(3, 6), ['loss', 'loss', 'loss']);
  t.same(
    collector.losses.map(({ header }) => [header.firstSeq, header.count]),
    [
      [2, 1],
      [4, 1],
      [6, 1],
    ],
  );
  t.match(collector.losses[0]!.loss, { reason: 'quarantined' });
  collector.lossScript = () => ({ result: 'stored' });
  collector.send(
    FROM,
    collector.losses.map(({ header: { firstSeq, bodyCrc } }) => ({
      stream: buffer.stream,
      first: firstSeq,
      last: firstSeq,
      sum: bodyCrc,
      result: 'stored',
    })),
  );
  await until(() => unsent(buffer) === 0, 'all records stored');
  await settled(buffer, 7);
  t.equal(collector.losses.length, 5, 'each once');
  t.equal(shipper.report().counters.lossesStored, 5);
});

t.test('a loss record written while connected ships at once, and a status tells it soon', async (t) => {
  const { buffer, collector, shipper, timers, accept } = await fixture(t);
  shipper.start();
  await until(() => collector.statuses.length === 2, 'the greeting and the first clearance');
  collector.script = SILENCE;
  await accept(0, 1);
  await giveUp(buffer, [1]);
  await until(() => unsent(buffer) === 0, 'stored');
  t.equal(collector.statuses.length, 2);
  timers.advance(10_000);
  await until(() => collector.statuses.length === 3, 'a status');
  t.equal(collector.statuses[2]!.losses, 1);
});

t.test('a refused loss record is kept, blocks nothing, and is offered again in the next session', async (t) => {
  const { buffer, collector, shipper, timers, accept } = await fixture(t);
  await accept(0, 10);
  await giveUp(buffer, [1, 3, 5]);
  collector.lossScript = ({ header }) =>
    header.firstSeq === 1
      ? { result: 'invalid', reason: 'odd' }
      : { result: header.firstSeq === 3 ? 'unsupported' : 'stored' };
  shipper.start();
  await settled(buffer, 7);
  await until(() => unsent(buffer) === 2, 'one stored');
  t.match(shipper.report(), { words: 'connected', counters: { lossesRefused: 2, lossesStored: 1 } });
  await accept(10, 1);
  await settled(buffer, 8);
  t.equal(collector.losses.length, 3, 'no loop');
  collector.lossScript = () => ({ result: 'stored' });
  collector.drop();
  await until(() => shipper.report().state === 'offline', 'offline');
  timers.advance(1_000);
  await until(() => unsent(buffer) === 0, 'all stored');
  t.equal(collector.losses.length, 5);
});

t.test('a loss record that was damaged on its way, or met a busy collector, goes again', async (t) => {
  const { buffer, collector, shipper, timers, accept } = await fixture(t);
  await accept(0, 2);
  await giveUp(buffer, [1]);
  const answers = [{ result: 'damaged' as const }, { result: 'busy' as const, retryAfterMs: 1_000 }];
  collector.lossScript = () => answers.shift() ?? { result: 'stored' };
  shipper.start();
  await until(() => shipper.report().counters.busy === 1, 'busy');
  timers.advance(1_500);
  await until(() => unsent(buffer) === 0, 'stored');
  t.equal(collector.losses.length, 3);
});

t.test('more records than one reading gives all arrive, each once', async (t) => {
  const { buffer, collector, shipper, accept } = await fixture(t);
  await accept(0, 601);
  await giveUp(
    buffer,
    Array.from({ length: 300 }, (_, at) => 2 * at + 1),
  );
  shipper.start();
  await until(() => unsent(buffer) === 0, 'all stored');
  await settled(buffer, 301);
  t.equal(collector.losses.length, 300);
});

t.test('an agent that stops with a loss record unsent does not sign its epoch off', async (t) => {
  const { buffer, collector, shipper, accept } = await fixture(t);
  collector.lossScript = () => ({ result: 'invalid' });
  await accept(0, 2);
  await giveUp(buffer, [1]);
  shipper.start();
  await settled(buffer, 1);
  const before = collector.statuses.length;
  await shipper.stop();
  await until(() => collector.statuses.length > before, 'a last status');
  t.match(collector.statuses.at(-1)!.epochs, [{ epoch: buffer.holdings().open, pending: [] }]);
});
