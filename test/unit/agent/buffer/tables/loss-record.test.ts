import fc from 'fast-check';
import t from 'tap';
import { isSound, type LossRecord, lossSum } from '../../../../../agent/buffer/tables/loss-record.ts';
import { epoch } from '../../../../../shared/ids.ts';

const record: LossRecord = {
  epoch: epoch('0123456789abcdef'),
  first_seq: 41,
  count: 3,
  hour: 498_000,
  reason: 'evicted',
  at: 1_792_000_000_000,
  detail: null,
  acked: 0,
};

t.test('the checksum is pinned: it lies in files', async (t) => {
  t.equal(lossSum(record), 0x51d4b886);
  t.equal(lossSum({ ...record, detail: 'Größe', acked: 1_792_000_000_001 }), 0x80f4cf6e);
});

t.test('a record with any field changed is not sound', async (t) => {
  const row = { ...record, sum: lossSum(record) };
  t.equal(isSound(row), true);
  const changes: Partial<LossRecord>[] = [
    { epoch: epoch('0123456789abcdee') },
    { first_seq: 42 },
    { count: 4 },
    { hour: 498_001 },
    { reason: 'evicteD' },
    { at: record.at + 1 },
    { detail: '' },
    { acked: 1 },
  ];
  for (const change of changes) t.equal(isSound({ ...row, ...change }), false, JSON.stringify(change));
  t.equal(isSound({ ...row, epoch: 'x' as never }), false, 'an epoch that is none');
  t.equal(isSound({ ...row, hour: 0.5 }), false, 'a number that is none');
  t.equal(isSound({ ...row, count: 0, sum: lossSum({ ...record, count: 0 }) }), false, 'of nothing');
});

t.test('whatever the texts are, a record is told from one with others', async (t) => {
  const text = fc.string({ maxLength: 12, unit: 'binary' });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(text, fc.option(text), text, fc.option(text), (reason, detail, other, more) => {
        const same = reason === other && detail === more;
        const equal = lossSum({ ...record, reason, detail }) === lossSum({ ...record, reason: other, detail: more });
        if (same !== equal) throw new Error('told apart wrongly');
      }),
    ),
  );
});
