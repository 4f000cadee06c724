/**
 * A broker with a collector that answers at random: garbage, wrong acks, double acks, and sometimes
 * correct ones.
 */

import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { streamId } from '../../../shared/ids.ts';
import { parseTopic, topic } from '../../../shared/topics.ts';
import { decodeBatch } from '../../../shared/wire/batch.ts';
import { type Ack, encodeAcks } from '../../../shared/wire/messages.ts';
import { pick } from '../../simulate/random.ts';
import { below, mutated, type Random } from './mutation.ts';

const RESULTS = ['stored', 'invalid', 'damaged', 'unsupported', 'busy'] as const;
const NUMBERS = [0, 1, 2, 41, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];

export class RogueCollector {
  readonly #random: Random;
  readonly #broker: Aedes;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  messages = 0;

  private constructor(random: Random, broker: Aedes, server: Server) {
    this.#random = random;
    this.#broker = broker;
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
      broker.handle(socket);
    });
    broker.authorizePublish = (_client, packet, done) => {
      done(null);
      this.#answer(packet.topic, packet.payload as Buffer);
    };
  }

  static async start(random: Random): Promise<RogueCollector> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RogueCollector(random, await Aedes.createBroker(), server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.drop();
    this.#server.close();
    await new Promise<void>((resolve) => this.#broker.close(() => resolve()));
  }

  /** Closes all connections; the agent reconnects. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(name: string, payload: Buffer): void {
    const random = this.#random;
    const from = parseTopic(name);
    if (from === null) return;
    const acks: Ack[] = [];
    const batch = from.channel === 'batch' ? decodeBatch(payload) : null;
    if (batch?.ok) {
      const { epoch, firstSeq, count, bodyCrc } = batch.header;
      acks.push({
        stream: streamId(from.terminal, epoch),
        first: firstSeq,
        last: firstSeq + count - 1,
        sum: bodyCrc,
        result: pick(random, RESULTS),
        ...(random() < 0.5 ? { retryAfterMs: below(random, 50) } : {}),
      });
    }
    const send = (bytes: Uint8Array): void => {
      const cut = random() < 0.05 ? Buffer.alloc(below(random, 100_000), below(random, 256)) : Buffer.from(bytes);
      this.messages++;
      this.#broker.publish(
        {
          cmd: 'publish',
          topic: topic(from.merchant, from.terminal, random() < 0.9 ? 'ack' : 'ctl'),
          payload: cut,
          qos: 1,
          retain: false,
          dup: false,
        },
        () => {},
      );
    };
    for (let left = below(random, 3); left > 0; left--) send(mutated(random, Buffer.from(this.#envelope(acks))));
    if (random() < 0.7) send(this.#envelope(acks.map((ack) => (random() < 0.3 ? this.#wrong(ack) : ack))));
    if (random() < 0.3) send(this.#envelope(acks));
    if (random() < 0.01) this.drop();
  }

  #wrong(ack: Ack): Ack {
    const number = (): number => pick(this.#random, NUMBERS);
    switch (below(this.#random, 5)) {
      case 0:
        return { ...ack, first: number() };
      case 1:
        return { ...ack, last: number() };
      case 2:
        return { ...ack, sum: number() };
      case 3:
        return { ...ack, stream: 'other.00112233445566ff' };
      default:
        return { ...ack, retryAfterMs: number(), reason: '4111111111111111'.repeat(below(this.#random, 100)) };
    }
  }

  #envelope(acks: readonly Ack[]): Uint8Array {
    const random = this.#random;
    return encodeAcks({
      acks: random() < 0.1 ? [...acks, ...acks] : [...acks],
      credit: pick(random, [0, 0.001, 0.5, 1]),
      serverTime: pick(random, [0, Date.now(), 2 ** 45, Number.MAX_SAFE_INTEGER, Date.now() + 86_400_000]),
      storeGen: pick(random, ['g', 'g', 'g', '', 'other']),
    });
  }
}
