import t from 'tap';
import { netLosses } from '../../../../../collector/api/losses/net-losses.ts';
import type { EventLog, RawRow } from '../../../../../collector/store/event-log.ts';
import { epoch, merchantId, terminalId } from '../../../../../shared/ids.ts';
import { NO_DIGEST } from '../../../../../shared/keys.ts';
import type { SeqInterval } from '../../../../../shared/seq-ranges.ts';
import { encodeLoss } from '../../../../../shared/wire/batch.ts';

const HOUR = 400_000;
const STREAM = { merchant: merchantId('acme'), terminal: terminalId('till-1'), epoch: epoch('00000000000000aa') };

/**
 * A log that is too large to be written for a test: one record of losses (ten), and in each of the
 * hours around it so many rows of its stream.
 */
function logWith(hours: number, ranges: number, range: (index: number) => SeqInterval, claimed = 10): EventLog {
  const identity = { epoch: STREAM.epoch, firstSeq: 1, hour: HOUR, clearThrough: 0 };
  const { bytes } = encodeLoss(identity, claimed, { reason: 'evicted', at: 1, detail: null });
  const key = { ...STREAM, hour: HOUR, kind: 'losses', firstSeq: 1, count: claimed, digest: NO_DIGEST } as const;
  const row: RawRow = { rowKey: new Uint8Array(), key, bytes, arrival: 0 };
  const log: Pick<EventLog, 'hoursBackwards' | 'hours' | 'losses' | 'held'> = {
    async *hoursBackwards() {
      yield { hour: HOUR, hasLosses: true };
    },
    async *hours() {
      for (let hour = HOUR; hour < HOUR + hours; hour++) yield hour;
    },
    async *losses() {
      yield row;
    },
    async *held(_stream, _hour, first, last) {
      for (let index = 0; index < ranges; index++) {
        const [from, to] = range(index);
        if (to >= first && from <= last) yield [from, to];
      }
    },
  };
  return log as EventLog;
}

t.test('of whatever many rows hold a seq, the others are lost', async (t) => {
  const from = { hour: HOUR, record: null };
  const steps = await Array.fromAsync(
    netLosses(
      logWith(16, 20_000, () => [3, 3]),
      { merchant: STREAM.merchant, terminal: undefined },
      from,
    ),
  );
  t.same(steps[0]?.lost, [
    [1, 2],
    [4, 10],
  ]);
});

t.test('a record with more stored ranges within it than are read at a time takes several steps', async (t) => {
  const log = logWith(2, 25_000, (index) => [2 + 2 * index, 2 + 2 * index], 60_000);
  const from = { hour: HOUR, record: null };
  const steps = await Array.fromAsync(netLosses(log, { merchant: STREAM.merchant, terminal: undefined }, from));
  const lost = steps.flatMap((step) => step.lost);
  t.equal(steps.filter(({ record }) => record !== null).length, 3);
  t.same(lost.slice(0, 2), [
    [1, 1],
    [3, 3],
  ]);
  t.same(lost.at(-1), [50_001, 60_000]);
  t.equal(
    lost.reduce((sum, [first, last]) => sum + last - first + 1, 0),
    35_000,
  );
});
