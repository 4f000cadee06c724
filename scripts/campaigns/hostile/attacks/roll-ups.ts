/** Rows that make a pass of the roll-up long. */
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import { forge, hourNow, oneSale } from '../wire/forged-batch.ts';
import { randomEpoch } from '../wire/mqtt-session.ts';
import { type Attack, NOTHING_BROKEN } from './attack.ts';
import { ITEM_BOMB_EVENTS, itemBomb, UNDER_WAY } from './expanding-batches.ts';
import { ended, openSession, sendAll } from './sessions.ts';

const DEAR_ROWS = 60;
const HOURS = 3_000;

const dearRows: Attack = {
  name: 'dear-rows',
  exploits: '60 rows of 265 bytes in one stream of an hour that has ended: their fold in one piece',
  minuteTurns: 1,
  async run(context, signal) {
    const session = await openSession(context);
    const [body, epoch, hour, count] = [itemBomb(), randomEpoch(), hourNow() - 3, ITEM_BOMB_EVENTS];
    const rows = Array.from({ length: DEAR_ROWS }, (_, row) =>
      forge(body, { epoch, firstSeq: 1 + row * count, count, hour }),
    );
    if (session !== null) await sendAll(session, rows, { underWay: UNDER_WAY }, signal);
    await ended(signal);
    return NOTHING_BROKEN;
  },
};

const scatteredHours: Attack = {
  name: 'scattered-hours',
  exploits: 'one sale in each of 3,000 hours of the past: as many hours, and their days, are due at once',
  minuteTurns: 1,
  async run(context, signal) {
    const session = await openSession(context);
    const body = oneSale();
    const [epoch, first] = [randomEpoch(), hourNow() - 2 - HOURS];
    const batches = Array.from(
      { length: HOURS },
      (_, at): WireBatch => forge(body, { epoch, firstSeq: 1 + at, count: 1, hour: first + at }),
    );
    if (session !== null) await sendAll(session, batches, { underWay: UNDER_WAY }, signal);
    await ended(signal);
    return NOTHING_BROKEN;
  },
};

export const ROLL_UPS: readonly Attack[] = [dearRows, scatteredHours];
