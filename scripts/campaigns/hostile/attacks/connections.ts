/** Connections to the broker that take room from others. */
import { Buffer } from 'node:buffer';
import { CONNACK, connectPacket, PacketReader } from '../wire/mqtt-packets.ts';
import { connectOf, MqttSession, randomEpoch } from '../wire/mqtt-session.ts';
import { BINARY, CONTINUATION, frame, openWebSocket, PING } from '../wire/websocket-frames.ts';
import type { Attack, AttackContext } from './attack.ts';
import { NOTHING_BROKEN } from './attack.ts';
import { ended, keepOpen, pause } from './sessions.ts';

/** More sessions than the collector takes in all. */
const SESSIONS = 320;
/** More than it takes of one address before anybody is let in. */
const HANDSHAKES = 2_200;
/** With what each keeps, enough to fill a heap of 1 GiB. */
const WEB_SOCKETS = 600;
const BYTE_EVERY_MS = 400;
const FRAGMENTS = 16_300;
const REFUSED_AT_A_TIME = 20;
const INVENTED_AT_A_TIME = 200;
const OLD_PROTOCOL_EVERY_MS = 100;
const PINGS_A_WRITE = 1_000;
/** The most that a ping may carry. */
const PING_BYTES = 125;

const oneToken: Attack = {
  name: 'one-token-many-sessions',
  exploits: '320 sessions of one token; the collector takes 300 connections in all',
  async run(context, signal) {
    const open = async () => {
      const line = await context.network.open(context.mqttPort);
      await MqttSession.open(line, context.till);
      return line;
    };
    await keepOpen(SESSIONS, open, signal);
    return NOTHING_BROKEN;
  },
};

const halfOpen: Attack = {
  name: 'half-open-sockets',
  exploits: '2,200 connections that send nothing, opened again when they are ended; no token',
  async run({ network, mqttPort }, signal) {
    await keepOpen(HANDSHAKES, () => network.open(mqttPort), signal);
    return NOTHING_BROKEN;
  },
};

const slowHandshakes: Attack = {
  name: 'slow-handshakes',
  exploits: '2,200 connections whose CONNECT comes byte by byte; no token',
  async run({ network, mqttPort, till }, signal) {
    const bytes = connectPacket({ ...connectOf(till, randomEpoch()), password: 'none' });
    const open = async () => {
      const line = await network.open(mqttPort);
      void (async () => {
        for (let at = 0; at < bytes.length - 1 && !signal.aborted; at++) {
          if (!(await line.write(bytes.subarray(at, at + 1)))) return;
          await pause(BYTE_EVERY_MS, signal);
        }
      })();
      return line;
    };
    await keepOpen(HANDSHAKES, open, signal);
    return NOTHING_BROKEN;
  },
};

const fragments: Attack = {
  name: 'websocket-fragments',
  exploits: 'WebSocket messages in fragments of one byte that never end: each is kept as an object; no token',
  async run({ network, websocketPort }, signal) {
    const one = frame(CONTINUATION, Buffer.of(0xff), false);
    const bytes = Buffer.concat([
      frame(BINARY, Buffer.of(0x10), false),
      ...Array.from({ length: FRAGMENTS }, () => one),
    ]);
    const open = async () => {
      const line = await openWebSocket(network, websocketPort);
      void line.write(bytes);
      return line;
    };
    await keepOpen(WEB_SOCKETS, open, signal);
    return NOTHING_BROKEN;
  },
};

const pings: Attack = {
  name: 'websocket-pings',
  exploits: 'WebSocket pings of 125 bytes whose pongs nobody reads',
  async run({ network, websocketPort, till }, signal) {
    const ping = frame(PING, Buffer.alloc(PING_BYTES, 'a'));
    const burst = Buffer.concat(Array.from({ length: PINGS_A_WRITE }, () => ping));
    while (!signal.aborted) {
      const line = await openWebSocket(network, websocketPort);
      await line.write(frame(BINARY, connectPacket(connectOf(till, randomEpoch()))));
      line.stopReading();
      while (!signal.aborted && (await line.write(burst)));
    }
    return NOTHING_BROKEN;
  },
};

const refusedConnects: Attack = {
  name: 'refused-connects',
  exploits: 'CONNECTs with a wrong token, twenty at a time without a pause: a look-up and a log line each',
  async run({ network, mqttPort, till }, signal) {
    const knock = async (): Promise<void> => {
      while (!signal.aborted) {
        const line = await network.open(mqttPort);
        await MqttSession.open(line, { ...till, token: `wrong-${randomEpoch()}` });
        line.close();
        await pause(1, signal);
      }
    };
    await Promise.all(Array.from({ length: REFUSED_AT_A_TIME }, knock));
    return NOTHING_BROKEN;
  },
};

const inventedTills: Attack = {
  name: 'invented-tills',
  exploits: 'CONNECTs of tills that do not exist, each another one, two hundred at a time: a look-up each; no token',
  async run({ network, mqttPort }, signal) {
    const knock = async (): Promise<void> => {
      while (!signal.aborted) {
        const line = await network.open(mqttPort);
        await MqttSession.open(line, { merchant: 'nobody', terminal: `till-${randomEpoch()}`, token: 'invented' });
        line.close();
        await pause(1, signal);
      }
    };
    await Promise.all(Array.from({ length: INVENTED_AT_A_TIME }, knock));
    return NOTHING_BROKEN;
  },
};

/** @returns the CONNACK's code; null: closed without one */
async function connectByOldProtocol({ network, mqttPort, till }: AttackContext): Promise<number | null> {
  const line = await network.open(mqttPort);
  const reader = new PacketReader();
  const answer = new Promise<number | null>((resolve) => {
    line.onData((chunk) => {
      for (const { type, body } of reader.push(chunk)) if (type === CONNACK) resolve(body[1] ?? null);
    });
  });
  void line.write(connectPacket({ ...connectOf(till, randomEpoch()), protocol: '3.1' }));
  const code = await Promise.race([answer, line.closed.then(() => null)]);
  line.close();
  return code;
}

const oldProtocol: Attack = {
  name: 'mqtt-3.1',
  exploits: 'a CONNECT of MQTT 3.1, which the contract does not know',
  async run(context, signal) {
    let accepted = 0;
    while (!signal.aborted) {
      if ((await Promise.race([connectByOldProtocol(context), ended(signal)])) === 0) accepted++;
      await pause(OLD_PROTOCOL_EVERY_MS, signal);
    }
    return accepted === 0 ? NOTHING_BROKEN : [`MQTT 3.1 was let in ${accepted} times`];
  },
};

export const CONNECTION_ATTACKS: readonly Attack[] = [
  oneToken,
  halfOpen,
  slowHandshakes,
  fragments,
  pings,
  refusedConnects,
  inventedTills,
  oldProtocol,
];
