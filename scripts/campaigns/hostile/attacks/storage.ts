/** Batches that cannot be compressed, as fast as they are taken. */
import { randomBytes } from 'node:crypto';
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import { compressed, type ForgedBody, forge, hourNow } from '../wire/forged-batch.ts';
import { randomEpoch } from '../wire/mqtt-session.ts';
import { type Attack, NOTHING_BROKEN, QUOTA_MIB } from './attack.ts';
import { UNDER_WAY } from './expanding-batches.ts';
import { sendAll, withSessions } from './sessions.ts';

const BODIES = 16;
const EVENTS = 40;
/** Of each event's attrs, before they become text. */
const RANDOM_BYTES = 2_400;

/** 40 events of attrs that say nothing: 97 KiB on the wire. */
function noise(): ForgedBody {
  const attrs = Array.from({ length: EVENTS }, () => JSON.stringify(randomBytes(RANDOM_BYTES).toString('base64')));
  const column = attrs.map((_, at) => 2 + at);
  return compressed([['sale', 'INR', ...attrs], 0, 0, 0, 0, 1, 1, null, null, column, 0, [], [], 0, [], [], []]);
}

function* batches(): Iterable<WireBatch> {
  const bodies = Array.from({ length: BODIES }, noise);
  const epoch = randomEpoch();
  for (let sent = 0; ; sent++)
    yield forge(bodies[sent % BODIES]!, { epoch, firstSeq: 1 + sent * EVENTS, count: EVENTS, hour: hourNow() });
}

const fullSpeed: Attack = {
  name: 'stored-at-full-speed',
  exploits: 'one till stores what cannot be compressed as fast as it is acknowledged, some 50 MiB/s',
  maxStoreMib: 3 * QUOTA_MIB,
  async run(context, signal) {
    const noises = batches();
    await withSessions(context, signal, (session) => sendAll(session, noises, { underWay: UNDER_WAY }, signal));
    return NOTHING_BROKEN;
  },
};

export const STORAGE: readonly Attack[] = [fullSpeed];
