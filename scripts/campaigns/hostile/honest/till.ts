/**
 * An honest till: a sale each 200 ms by the project's own wire code, repeated until it is answered
 * `stored`, as an agent does. It sells on whether or not the collector answers.
 *
 * Its ledger says what the merchant's figures must be. It adds what was acknowledged, and shares
 * nothing with the collector's fold.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { epoch } from '../../../../shared/ids.ts';
import { hourOf } from '../../../../shared/time.ts';
import { encodeEvents, type WireBatch } from '../../../../shared/wire/batch.ts';
import { type Credentials, MqttSession, type Opened, randomEpoch } from '../wire/mqtt-session.ts';
import type { Network } from '../wire/network.ts';
import { Latencies } from './latencies.ts';

const EVERY_MS = 200;
const RECONNECT_MS = 250;
const REPEAT_MS = 250;
export const CURRENCY = 'EUR';

export interface Ledger {
  readonly count: number;
  /** Minor units. */
  readonly amount: number;
}

/** Different from sale to sale: one that is lost and one that counts twice cannot make it up. */
const amountOf = (seq: number): number => 10_000 + ((seq * 7_919) % 10_007);

export class HonestTill {
  readonly latencies: Latencies;
  readonly #network: Network;
  readonly #port: number;
  readonly #who: Credentials;
  readonly #epoch = randomEpoch();
  readonly #unacknowledged = new Map<number, WireBatch>();
  #session: MqttSession | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #lastSeq = 0;
  #endings = 0;
  #acknowledged: Ledger = { count: 0, amount: 0 };

  constructor(network: Network, port: number, who: Credentials, clock: () => number) {
    this.latencies = new Latencies(clock);
    this.#network = network;
    this.#port = port;
    this.#who = who;
  }

  /** What was acknowledged as stored. */
  get ledger(): Ledger {
    return this.#acknowledged;
  }

  /** How many sales are not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged.size;
  }

  /** How often its session was ended, since the last call. */
  takeEndings(): number {
    const endings = this.#endings;
    this.#endings = 0;
    return endings;
  }

  /** @throws Error when it is not let in at first */
  async connect(): Promise<void> {
    const opened = await this.#open();
    if (opened.kind !== 'open') throw new Error(`the honest till was refused with ${opened.code}`);
  }

  sell(): void {
    this.#timer ??= setInterval(() => this.#sellOne(), EVERY_MS);
  }

  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  close(): void {
    this.pause();
    this.#closed = true;
    this.#session?.line.close();
  }

  #sellOne(): void {
    const seq = ++this.#lastSeq;
    const now = Date.now();
    const identity = { epoch: epoch(this.#epoch), firstSeq: seq, hour: hourOf(now), clearThrough: 0 };
    const sale = { type: 'sale', ts: now, offset: 0, flags: 0, amount: amountOf(seq), currency: CURRENCY } as const;
    const batch = encodeEvents(identity, [{ ...sale, ref: null, store: null, dims: [], items: [], attrs: null }]);
    this.#unacknowledged.set(seq, batch);
    void this.#send(seq, batch, this.latencies.begin());
  }

  async #send(seq: number, batch: WireBatch, answered: (outcome: 'answered') => void): Promise<void> {
    while (!this.#closed) {
      const ack = await (this.#session?.send(batch) ?? null);
      if (ack?.result === 'stored') {
        answered('answered');
        this.#unacknowledged.delete(seq);
        const { count, amount } = this.#acknowledged;
        this.#acknowledged = { count: count + 1, amount: amount + amountOf(seq) };
        return;
      }
      await wait(ack?.retryAfterMs ?? REPEAT_MS);
    }
  }

  async #open(): Promise<Opened> {
    const opened = await MqttSession.open(await this.#network.open(this.#port), this.#who, this.#epoch);
    if (opened.kind === 'open') {
      this.#session = opened.session;
      void opened.session.line.closed.then(() => this.#reopen());
    }
    return opened;
  }

  async #reopen(): Promise<void> {
    this.#session = null;
    if (this.#closed) return;
    this.#endings++;
    do await wait(RECONNECT_MS);
    while (!this.#closed && (await this.#open()).kind === 'refused');
  }
}
