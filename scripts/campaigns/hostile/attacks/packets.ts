/** Small packets of a session that was let in, as many as the line takes. */
import { Buffer } from 'node:buffer';
import { forge, hourNow, oneSale } from '../wire/forged-batch.ts';
import { PINGREQ, pubackPacket, publishPacket, subscribePacket } from '../wire/mqtt-packets.ts';
import type { MqttSession } from '../wire/mqtt-session.ts';
import { type Attack, NOTHING_BROKEN } from './attack.ts';
import { withSessions } from './sessions.ts';

const WRITE_BYTES = 64 * 1024;
const MAX_PACKET_ID = 65_535;

/** Writes the same bytes without end, as many as fit into one write at a time. */
const flood = (name: string, exploits: string, packetsOf: (session: MqttSession) => Buffer): Attack => ({
  name,
  exploits,
  async run(context, signal) {
    await withSessions(context, signal, async (session) => {
      const one = packetsOf(session);
      const many = Buffer.concat(Array<Buffer>(Math.max(1, Math.floor(WRITE_BYTES / one.length))).fill(one));
      while (!signal.aborted && (await session.line.write(many)));
    });
    return NOTHING_BROKEN;
  },
});

const unreadAcks: Attack = {
  name: 'unread-acks',
  exploits: 'batches of one sale without a pause, whose PUBACKs and acks nobody reads',
  async run(context, signal) {
    const body = oneSale();
    await withSessions(context, signal, async (session) => {
      session.line.stopReading();
      for (let seq = 1; !signal.aborted; seq++) {
        const { bytes } = forge(body, { epoch: session.epoch, firstSeq: seq, count: 1, hour: hourNow() });
        const packet = publishPacket((seq % MAX_PACKET_ID) + 1, session.topic('batch'), bytes);
        if (!(await session.line.write(packet))) return;
      }
    });
    return NOTHING_BROKEN;
  },
};

export const PACKET_ATTACKS: readonly Attack[] = [
  flood('pingreq-flood', 'PINGREQs of 2 bytes, each answered', () => PINGREQ),
  flood('subscribe-flood', 'SUBSCRIBEs to the own topic, each checked and answered', (session) =>
    subscribePacket(1, session.topic('ack')),
  ),
  flood('puback-flood', 'PUBACKs of packets that were never sent', () => pubackPacket(7)),
  flood('forbidden-publishes', "PUBLISHes to another till's topic in one write: one ending, counted once", () =>
    publishPacket(1, 'till/1/honest/till-0/batch', Buffer.from('x')),
  ),
  unreadAcks,
];
