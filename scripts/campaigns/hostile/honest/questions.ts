/** Honest users that ask now and then: a till that connects, a merchant, a liveness probe. */
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { DISCONNECT } from '../wire/mqtt-packets.ts';
import { type Credentials, MqttSession } from '../wire/mqtt-session.ts';
import type { Network } from '../wire/network.ts';
import { Latencies } from './latencies.ts';

const ANSWER_WITHIN_MS = 60_000;

/** Asks one question after the other, not more often than every `everyMs`. */
export class Asker {
  readonly latencies: Latencies;
  readonly #ask: (round: number) => Promise<boolean>;
  readonly #everyMs: number;
  readonly #stopped = new AbortController();

  /** @param ask false: refused, or answered wrongly */
  constructor(ask: (round: number) => Promise<boolean>, everyMs: number, clock: () => number) {
    this.latencies = new Latencies(clock, everyMs);
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  start(): void {
    void this.#run().catch(() => undefined);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let round = 0; !signal.aborted; round++) {
      const next = wait(this.#everyMs, undefined, { signal });
      // The wait may end while the question is open.
      next.catch(() => undefined);
      await this.#askOnce(round);
      await next;
    }
  }

  async #askOnce(round: number): Promise<void> {
    const answered = this.latencies.begin();
    const good = await this.#ask(round).catch(() => false);
    answered(good ? 'answered' : 'failed');
  }
}

/** Asks every `everyMs`, whether or not the questions before were answered: as a probe does. */
export class Prober {
  readonly latencies: Latencies;
  readonly #ask: () => Promise<boolean>;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(ask: () => Promise<boolean>, everyMs: number, clock: () => number) {
    this.latencies = new Latencies(clock);
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#askOnce(), this.#everyMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #askOnce(): Promise<void> {
    const answered = this.latencies.begin();
    const good = await this.#ask().catch(() => false);
    answered(good ? 'answered' : 'failed');
  }
}

/** A till that connects and leaves. @returns whether it was let in */
export async function connectsOnce(network: Network, port: number, who: Credentials): Promise<boolean> {
  const line = await network.open(port);
  const opened = await MqttSession.open(line, who);
  await line.write(DISCONNECT);
  line.close();
  return opened.kind === 'open';
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** A GET on a connection of its own. */
export function httpGet(url: string, key?: string): Promise<HttpAnswer> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const request = get(url, { agent: false, headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
  });
  request.on('error', reject);
  return promise;
}
