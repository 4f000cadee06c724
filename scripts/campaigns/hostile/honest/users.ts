/** The honest users of a region, beside whom every attack runs. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { HOUR_MS } from '../../../../shared/time.ts';
import { until } from '../../../processes/wait-until.ts';
import { httpGet } from '../wire/http-get.ts';
import { DISCONNECT } from '../wire/mqtt-packets.ts';
import { type Credentials, MqttSession } from '../wire/mqtt-session.ts';
import { Network } from '../wire/network.ts';
import { Asker } from './asker.ts';
import type { Summary } from './latencies.ts';
import { CURRENCY, HonestTill } from './till.ts';

const HONEST_ADDRESS = '127.0.0.1';
const CONNECT_EVERY_MS = 1_000;
const QUESTION_EVERY_MS = 1_000;
const LIVENESS_EVERY_MS = 200;
const DELAY_RESOLUTION_MS = 10;
/** Nothing waits longer, and nothing is unanswered: the attack's effect is over. */
const QUIET_WAIT_MS = 250;

export interface HonestReport {
  /** From a sale to its ack `stored`. */
  readonly ack: Summary;
  /** From TCP's connect to SUBACK. */
  readonly connect: Summary;
  readonly question: Summary;
  readonly livez: Summary;
  /** How often the till's session was ended. */
  readonly endings: number;
  /** How late the measuring thread was itself, p99 in milliseconds: no fault of the collector. */
  readonly lateMs: number;
}

export interface HonestTarget {
  readonly mqttPort: number;
  readonly httpUrl: string;
  readonly merchant: string;
  readonly key: string;
  readonly till: Credentials;
  /** Tills that connect now and then, in turns. */
  readonly newcomers: readonly Credentials[];
}

export class HonestUsers {
  readonly #target: HonestTarget;
  readonly #network = new Network(HONEST_ADDRESS);
  readonly #till: HonestTill;
  readonly #newcomer: Asker;
  readonly #merchant: Asker;
  readonly #liveness: Asker;
  /** Milliseconds since 1970. */
  readonly #since = Date.now();
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

  constructor(target: HonestTarget, clock: () => number) {
    const { mqttPort, httpUrl, merchant, key, till, newcomers } = target;
    this.#target = target;
    this.#till = new HonestTill(this.#network, mqttPort, till, clock);
    const connect = (round: number) =>
      connectsOnce(this.#network, mqttPort, newcomers[round % newcomers.length] as Credentials);
    this.#newcomer = new Asker({ ask: connect, everyMs: CONNECT_EVERY_MS, waits: true, clock });
    const answers = async (url: string, bearer?: string) => (await httpGet(url, bearer)).status === 200;
    const question = () => answers(`${httpUrl}/v1/merchants/${merchant}/metrics`, key);
    this.#merchant = new Asker({ ask: question, everyMs: QUESTION_EVERY_MS, waits: true, clock });
    const liveness = () => answers(`${httpUrl}/livez`);
    this.#liveness = new Asker({ ask: liveness, everyMs: LIVENESS_EVERY_MS, waits: false, clock });
  }

  async start(): Promise<void> {
    await this.#till.connect();
    this.#delay.enable();
    this.#till.sell();
    for (const user of [this.#newcomer, this.#merchant, this.#liveness]) user.start();
  }

  /** Since the last call. */
  take(): HonestReport {
    const lateMs = Math.max(0, this.#delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS);
    this.#delay.reset();
    return {
      lateMs,
      ack: this.#till.latencies.take(),
      connect: this.#newcomer.latencies.take(),
      question: this.#merchant.latencies.take(),
      livez: this.#liveness.latencies.take(),
      endings: this.#till.takeEndings(),
    };
  }

  /** Whether nobody waits. */
  get quiet(): boolean {
    const all = [this.#till, this.#newcomer, this.#merchant, this.#liveness];
    return all.every(({ latencies }) => latencies.oldestWaitMs < QUIET_WAIT_MS);
  }

  /**
   * Compares the merchant's figures with the till's ledger; the till sells nothing meanwhile.
   *
   * @returns what is wrong; null when they are equal
   */
  async figuresFault(deadlineMs: number): Promise<string | null> {
    this.#till.pause();
    let shown = 'nothing';
    try {
      const equal = async () => {
        if (this.#till.unacknowledged > 0) return false;
        const { count, amount } = this.#till.ledger;
        const figures = await this.#figures();
        shown = JSON.stringify(figures);
        return figures.count === count && figures.amount === amount;
      };
      await until(equal, { what: 'the figures', deadlineMs, everyMs: 100 });
      return null;
    } catch {
      const { count, amount } = this.#till.ledger;
      const open = this.#till.unacknowledged;
      return `acknowledged are ${count} sales of ${amount}, ${open} are not; the API says ${shown}`;
    } finally {
      this.#till.sell();
    }
  }

  close(): void {
    this.#delay.disable();
    this.#till.close();
    for (const user of [this.#newcomer, this.#merchant, this.#liveness]) user.stop();
    this.#network.close();
  }

  async #figures(): Promise<{ count: number; amount: number }> {
    const { httpUrl, merchant, key } = this.#target;
    const range = {
      from: new Date(this.#since - HOUR_MS).toISOString(),
      to: new Date(Date.now() + HOUR_MS).toISOString(),
    };
    const query = new URLSearchParams({ ...range, interval: 'total', metrics: 'sales.count,sales.amount' });
    const { text } = await httpGet(`${httpUrl}/v1/merchants/${merchant}/metrics?${query}`, key);
    const { series } = JSON.parse(text) as {
      series: { key: { currency: string }; points: Record<string, number>[] }[];
    };
    const point = series.find((one) => one.key.currency === CURRENCY)?.points[0] ?? {};
    return { count: point['sales.count'] ?? 0, amount: point['sales.amount'] ?? 0 };
  }
}

/** A till that connects and leaves. @returns whether it was let in */
async function connectsOnce(network: Network, port: number, who: Credentials): Promise<boolean> {
  const line = await network.open(port);
  const opened = await MqttSession.open(line, who);
  await line.write(DISCONNECT);
  line.close();
  return opened.kind === 'open';
}
