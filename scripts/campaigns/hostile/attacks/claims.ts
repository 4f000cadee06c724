/** What a till merely claims: epochs that never were, losses of more than was ever sold. */
import { randomBytes } from 'node:crypto';
import { epoch } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { encodeLoss, type WireBatch } from '../../../../shared/wire/batch.ts';
import { type Ack, encodeStatus } from '../../../../shared/wire/messages.ts';
import { hourNow } from '../wire/forged-batch.ts';
import { randomEpoch } from '../wire/mqtt-session.ts';
import { type Attack, NOTHING_BROKEN } from './attack.ts';
import { ask, ended, openSession, pause, sendAll, withSessions } from './sessions.ts';

/** A status may name so many. */
const EPOCHS_A_STATUS = 256;
const STATUSES = 64;
/** All that the header holds, and as many as an honest agent may name. */
const LOST_SEQS = [2 ** 32 - 1, 2 ** 24];
const LOSSES = 500;
const ASK_EVERY_MS = 300;

function statusOfInventedEpochs(): Uint8Array {
  const bytes = randomBytes(EPOCHS_A_STATUS * 8);
  const epochs = Array.from({ length: EPOCHS_A_STATUS }, (_, at) => ({
    epoch: bytes.toString('hex', at * 8, at * 8 + 8),
    lastSeq: 2 ** 40,
    pending: [[1, 2 ** 40]] as [number, number][],
  }));
  return encodeStatus({ version: '9.9.9', epochs, clearThrough: 0, losses: 0, bufferBytes: 0, clockOffsetMs: null });
}

const inventedEpochs: Attack = {
  name: 'invented-epochs',
  exploits: 'statuses of 256 epochs that never were, new ones all the time: each becomes a row that stays',
  maxStoreMib: 16,
  async run(context, signal) {
    await withSessions(context, signal, async (session) => {
      while (!signal.aborted) {
        for (let sent = 0; sent < STATUSES; sent++)
          if (!(await session.publish('status', statusOfInventedEpochs()))) return;
        await pause(1, signal);
      }
    });
    return NOTHING_BROKEN;
  },
};

const endlessLosses: Attack = {
  name: 'endless-losses',
  exploits: 'loss records of 2^32 seqs of streams that sold nothing, and questions about them',
  async run(context, signal) {
    const session = await openSession(context);
    const hour = hourNow();
    const losses = Array.from({ length: LOSSES }, (_, at): WireBatch => {
      const identity = { epoch: epoch(randomEpoch()), firstSeq: 1, hour: hour - at, clearThrough: 0 };
      return encodeLoss(identity, LOST_SEQS[at % LOST_SEQS.length]!, {
        reason: 'evicted',
        at: (hour - at) * HOUR_MS,
        detail: null,
      });
    });
    let endless = 0;
    const onAck = ({ result, first, last }: Ack): void => {
      if (result === 'stored' && last - first + 1 === LOST_SEQS[0]) endless++;
    };
    if (session !== null) await sendAll(session, losses, { underWay: 16, onAck }, signal);
    while (!signal.aborted) {
      await Promise.race([ask(context, 'losses', { limit: '1000' }), ended(signal)]);
      await pause(ASK_EVERY_MS, signal);
    }
    return endless === 0 ? NOTHING_BROKEN : [`${endless} losses of 2^32 seqs that never were are stored`];
  },
};

export const CLAIMS: readonly Attack[] = [inventedEpochs, endlessLosses];
