/** A real broker in this process, with a collector on it that answers as a test scripts it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Aedes, type AuthenticateError } from 'aedes';
import type { TillEvent } from '../../../shared/event/event.ts';
import { streamId, terminalId } from '../../../shared/ids.ts';
import { parseTopic, topic } from '../../../shared/topics.ts';
import { type DecodedBatch, decodeBatch } from '../../../shared/wire/batch.ts';
import { toEvents } from '../../../shared/wire/event-columns.ts';
import { type Ack, type AckEnvelope, decodeStatus, encodeAcks, type Status } from '../../../shared/wire/messages.ts';

export type Batch = Extract<DecodedBatch, { ok: true; kind: 'events' }> & { readonly events: readonly TillEvent[] };
export type LossBatch = Extract<DecodedBatch, { ok: true; kind: 'losses' }>;
type Answer = (Partial<Ack> & Pick<Ack, 'result'>) | null;
/** What the collector says to a batch; null: nothing. */
export type Script = (batch: Batch, collector: ScriptedCollector) => Answer;

export const STORE: Script = () => ({ result: 'stored' });
export const SILENCE: Script = () => null;

export interface CollectorOptions {
  readonly port?: number;
  /** Answers statuses; true unless told. */
  readonly greets?: boolean;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export class ScriptedCollector {
  readonly port: number;
  readonly #broker: Aedes;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets: Set<Socket>;
  readonly #options: CollectorOptions;
  script: Script = STORE;
  lossScript: (batch: LossBatch) => Answer = () => ({ result: 'stored' });
  /** CONNACK code; 0: accepted. */
  connack = 0;
  credit = 1;
  storeGen = 'gen-1';
  greets: boolean;
  /** In the order of arrival. */
  readonly batches: Batch[] = [];
  readonly losses: LossBatch[] = [];
  readonly statuses: Status[] = [];
  readonly log: string[] = [];
  readonly clients: { readonly id: string; readonly username: string; readonly password: string }[] = [];
  connections = 0;

  constructor(broker: Aedes, server: ReturnType<typeof createServer>, sockets: Set<Socket>, options: CollectorOptions) {
    this.#broker = broker;
    this.#server = server;
    this.#sockets = sockets;
    this.#options = options;
    this.greets = options.greets ?? true;
    this.port = (server.address() as AddressInfo).port;
    broker.authenticate = (client, username, password, done) => {
      this.connections++;
      if (this.connack !== 0) {
        done(Object.assign(new Error('refused'), { returnCode: this.connack }) as AuthenticateError, null);
        return;
      }
      this.clients.push({ id: client.id, username: String(username), password: String(password) });
      done(null, true);
    };
    broker.authorizePublish = (_client, packet, done) => {
      done(null);
      this.#receive(packet.topic, packet.payload as Buffer);
    };
    broker.on('subscribe', (subscriptions) =>
      this.log.push(...subscriptions.map(({ topic }) => `subscribe ${topic.split('/').at(-1)}`)),
    );
  }

  static async start(options: CollectorOptions = {}): Promise<ScriptedCollector> {
    const broker = await Aedes.createBroker();
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => {});
      broker.handle(socket);
    });
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedCollector(broker, server, sockets, options);
  }

  /** What it stored: refs of events that it answered with `stored`, in order. */
  readonly stored: (string | null)[] = [];

  send(from: { merchant: string; terminal: string }, acks: Ack[]): void {
    const envelope: AckEnvelope = {
      acks,
      credit: this.credit,
      serverTime: (this.#options.now ?? Date.now)(),
      storeGen: this.storeGen,
    };
    this.sendRaw(from, encodeAcks(envelope));
  }

  sendRaw({ merchant, terminal }: { merchant: string; terminal: string }, payload: Uint8Array): void {
    this.#broker.publish(
      {
        cmd: 'publish',
        topic: topic(merchant as never, terminal as never, 'ack'),
        payload: Buffer.from(payload),
        qos: 1,
        retain: false,
        dup: false,
      },
      () => {},
    );
  }

  /** Drops all connections; the agent may come again. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Reads nothing more from the connections of now. */
  stall(): void {
    for (const socket of this.#sockets) socket.removeAllListeners('readable').removeAllListeners('data').pause();
  }

  async stop(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#server.close(resolve));
    await new Promise<void>((resolve) => this.#broker.close(resolve));
  }

  #receive(name: string, payload: Buffer): void {
    const from = parseTopic(name);
    if (from === null) return;
    if (from.channel === 'status') {
      const status = decodeStatus(payload);
      if (status === null) throw new Error('a status that is none');
      this.log.push('status');
      this.statuses.push(status);
      if (this.greets) this.send(from, []);
      return;
    }
    const batch = decodeBatch(payload);
    if (!batch.ok) throw new Error(`a batch that is none: ${JSON.stringify(batch)}`);
    const answer =
      batch.kind === 'events' ? this.#judge({ ...batch, events: toEvents(batch.columns) }) : this.#judgeLoss(batch);
    if (answer === null) return;
    const { epoch, firstSeq, count, bodyCrc } = batch.header;
    const stream = streamId(terminalId(from.terminal), epoch);
    this.send(from, [{ stream, first: firstSeq, last: firstSeq + count - 1, sum: bodyCrc, ...answer }]);
  }

  #judge(batch: Batch): Answer {
    this.log.push('batch');
    this.batches.push(batch);
    const answer = this.script(batch, this);
    if (answer?.result === 'stored' && answer.sum === undefined)
      this.stored.push(...batch.events.map(({ ref }) => ref));
    return answer;
  }

  #judgeLoss(batch: LossBatch): Answer {
    this.log.push('loss');
    this.losses.push(batch);
    return this.lossScript(batch);
  }
}
