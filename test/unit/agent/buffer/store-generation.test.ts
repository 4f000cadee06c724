import t from 'tap';
import { KIND } from '../../../../shared/keys.ts';
import { HOUR_MS, hourOf } from '../../../../shared/time.ts';
import { NOW, parsed, sale } from '../../../support/agent/events.ts';
import { scratchBuffer } from '../../../support/agent/temp-buffer.ts';

const HOUR = hourOf(NOW);
const sales = (from: number, count: number, ts = NOW) =>
  Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`, { ts })));
const greeting = { storeGen: 'a', trueTimeOrigin: Date.now() - performance.now(), uncertaintyMs: 5 };

t.test(
  'what was acknowledged is told in runs of an epoch and hour, the latest first, as long as it is kept',
  async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const before = scratch.open({ keepAckedHours: 72 });
    t.same(before.acknowledged(), { storeGen: null, runs: [] });
    const { open: first } = before.holdings();
    await before.greeted(greeting);
    await before.accept([...sales(0, 3, NOW - HOUR_MS), ...sales(3, 4)]);
    await before.settle([{ kind: 'stored', epoch: first, firstSeq: 4, lastSeq: 6 }]);
    scratch.clock += 1_000;
    await before.settle([
      { kind: 'stored', epoch: first, firstSeq: 1, lastSeq: 2 },
      { kind: 'quarantined', epoch: first, firstSeq: 3, lastSeq: 3, reason: 'odd' },
    ]);
    await before.settle([{ kind: 'loss-stored', id: 1 }]);
    const old = [
      [KIND.events, first, HOUR - 1, 1, 2],
      [KIND.events, first, HOUR, 4, 6],
    ];
    const lost = [KIND.losses, first, HOUR - 1, 3, 3];
    t.same(before.acknowledged(), { storeGen: 'a', runs: [...old, lost] });
    before.close();

    scratch.clock += HOUR_MS;
    const buffer = scratch.open({ keepAckedHours: 72 });
    const { open: epoch } = buffer.holdings();
    await buffer.accept(sales(7, 1));
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 1 }]);
    const now = [KIND.events, epoch, HOUR, 1, 1];
    t.same(buffer.acknowledged().runs, [now, ...old, lost], 'of earlier epochs too');

    scratch.clock += 47.5 * HOUR_MS;
    t.same(buffer.acknowledged().runs, [now], 'nothing that is older than two days');
    await buffer.greeted({ ...greeting, storeGen: 'b' });
    t.same(buffer.acknowledged(), { storeGen: 'b', runs: [] }, 'nothing that is offered again');
    buffer.close();
  },
);

t.test('each status names an older run as well, of an hour before that of the one before', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  for (let hour = 0; hour < 4; hour++) {
    await buffer.accept(sales(400 * hour, 400, NOW + hour * HOUR_MS));
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: 400 * hour + 1, lastSeq: 400 * hour + 400 }]);
    scratch.clock += HOUR_MS;
  }
  scratch.clock -= HOUR_MS / 2;
  const older = () => {
    const [last, ...others] = buffer.acknowledged().runs;
    t.same(last, [KIND.events, epoch, HOUR + 3, 1_345, 1_600]);
    return others.map((run) => run.slice(2));
  };
  t.same(
    [older(), older(), older(), older()],
    [[[HOUR + 2, 945, 1_200]], [[HOUR + 1, 545, 800]], [[HOUR, 145, 400]], []],
  );
  t.same(older(), [[HOUR + 2, 945, 1_200]], 'and begins again');
  buffer.close();
});

t.test('of many acks the last few hundred are told, in four runs at most', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open();
  const { open: epoch } = buffer.holdings();
  await buffer.accept(sales(0, 1_000));
  await buffer.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: 900 }]);
  t.same(buffer.acknowledged().runs, [[KIND.events, epoch, HOUR, 645, 900]]);
  scratch.clock += 1_000;
  for (let seq = 902; seq <= 930; seq += 2)
    await buffer.settle([{ kind: 'stored', epoch, firstSeq: seq, lastSeq: seq }]);
  t.same(
    buffer.acknowledged().runs.map((run) => run.slice(3)),
    [930, 928, 926, 924].map((seq) => [seq, seq]),
  );
  buffer.close();
});
