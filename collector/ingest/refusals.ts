/**
 * Counts the batches that exceed what their terminal or merchant may cause, and tells of them at
 * most once in ten seconds: whoever causes refusals does not fill the log.
 */
import type { Sender } from './decode-batch.ts';
import type { IngestMetrics, RefusalReason } from './metrics.ts';

export interface RefusalOptions {
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly metrics: Pick<IngestMetrics, 'refused'>;
  /**
   * Called with the sender and the reason of one refusal, and the number of refusals since the last
   * call.
   */
  readonly onRefused: (sender: Sender, reason: RefusalReason, batches: number) => void;
}

export const NO_ROOM = {
  'terminal-room': 'this terminal has more batches waiting than an agent sends: no room for another',
  'merchant-room': 'no room at the moment',
} as const;

const TELL_EVERY_MS = 10_000;

export class Refusals {
  readonly #options: RefusalOptions;
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: RefusalOptions) {
    this.#options = options;
  }

  count(sender: Sender, reason: RefusalReason): void {
    const { clock, metrics, onRefused } = this.#options;
    metrics.refused(reason);
    this.#untold++;
    if (clock() - this.#toldAt < TELL_EVERY_MS) return;
    onRefused(sender, reason, this.#untold);
    this.#untold = 0;
    this.#toldAt = clock();
  }
}
