/** Somebody who asks a question again and again, and how long the answers take. */
import { Latencies } from './latencies.ts';

export interface AskerOptions {
  /** False, or rejected: refused, or answered wrongly. */
  readonly ask: (round: number) => Promise<boolean>;
  readonly everyMs: number;
  /** Whether he waits for an answer before he asks again; a probe does not. */
  readonly waits: boolean;
  /** Monotonic, milliseconds. */
  readonly clock: () => number;
}

export class Asker {
  readonly latencies: Latencies;
  readonly #options: AskerOptions;
  #timer: NodeJS.Timeout | null = null;
  #round = 0;
  #open = 0;

  constructor(options: AskerOptions) {
    const { waits, everyMs, clock } = options;
    this.#options = options;
    this.latencies = new Latencies(clock, waits ? everyMs : Number.POSITIVE_INFINITY);
  }

  start(): void {
    const { everyMs, waits } = this.#options;
    this.#timer ??= setInterval(() => {
      if (!waits || this.#open === 0) void this.#askOnce();
    }, everyMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #askOnce(): Promise<void> {
    const answered = this.latencies.begin();
    this.#open++;
    const good = await this.#options.ask(this.#round++).catch(() => false);
    this.#open--;
    answered(good ? 'answered' : 'failed');
  }
}
