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
 * A log that is too large to be written for a test: one record of ten losses, and in each of the
 * hours around it so many rows of its stream.
 */
function logWith(hours: number, ranges: number, range: SeqInterval): EventLog {
  const identity = { epoch: STREAM.epoch, firstSeq: 1, hour: HOUR, clearThrough: 0 };
  const { bytes } = encodeLoss(identity, 10, { reason: 'evicted', at: 1, detail: null });
  const key = { ...STREAM, hour: HOUR, kind: 'losses', firstSeq: 1, count: 10, digest: NO_DIGEST } as const;
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
    async *held() {
      for (let count = 0; count < ranges; count++) yield range;
    },
  };
  return log as EventLog;
}

t.test('of whatever many rows hold a seq, the others are lost', async (t) => {
  const from = { hour: HOUR, record: null };
  const steps = await Array.fromAsync(
    netLosses(logWith(16, 20_000, [3, 3]), { merchant: STREAM.merchant, terminal: undefined }, from),
  );
  t.same(steps[0]?.lost, [
    [1, 2],
    [4, 10],
  ]);
});
