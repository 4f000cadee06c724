/**
 * Measures the line to the collector by what arrives there, and says how much to give it at a time.
 * The broker's PUBACK says that a packet has arrived, and so does the collector's answer; what is
 * written to a socket may lie in buffers on the way for minutes.
 *
 *     published --line--> arrived (PUBACK) --collector--> acknowledged (ack)
 *      `LineMeter` bounds and times this      the session times that
 *
 * The delivery rate is estimated as in BBR (draft-cheng-iccrg-delivery-rate-estimation): bytes that
 * arrived since the last arrival before a packet was published, by the time since. The window is
 * that rate times a few seconds, and grows no faster than in TCP's slow start: many lines let a
 * burst pass before they show their speed.
 */

/** How long the collector may take to answer what has arrived, and a line to show life. */
export const ANSWER_MS = 30_000;
/**
 * The window: this much time of the line, beside one round trip. With less, lines of 1,000 bytes a
 * second would idle for a round trip after each batch of the least size; with more, a new sale
 * waits longer behind a backlog.
 */
const WINDOW_MS = 6_000;
const MAX_WINDOW_BYTES = 256 * 1024;
/** Smaller batches compress badly: 4 KiB cost 1.2 times the bytes of 64 KiB, 1 KiB 1.5 times. */
const MIN_BATCH_BYTES = 4 * 1024;
/** Four batches fill the window. */
const MAX_BATCH_BYTES = MAX_WINDOW_BYTES / 4;
/** Half of the speed at which any line has to drain, bytes a millisecond. */
const LEAST_RATE = 0.1;
/** A line that was measured may become so many times slower before it is taken for dead. */
const SLOWDOWN = 8;
/** A rate that a full line showed holds for so long against lower ones of an emptier line. */
const RATE_HOLDS_MS = 10_000;

interface Packet {
  readonly bytes: number;
  readonly publishedAt: number;
  /** The last arrival before it was published: total bytes by then, and when. */
  readonly arrivedBytes: number;
  readonly arrivedAt: number;
}

export interface LineReport {
  /** That arrive at the collector, as last measured; null before the first arrival. */
  readonly bytesPerSecond: number | null;
  /** Sent, and not known to have arrived. */
  readonly bytesUnderWay: number;
}

export class LineMeter {
  readonly #now: () => number;
  /** In the order of publishing, which is that of arrival. */
  readonly #underWay = new Set<Packet>();
  #bytesUnderWay = 0;
  #arrivedBytes = 0;
  #arrivedAt = 0;
  /** Bytes a millisecond. */
  #rate: { readonly value: number; readonly at: number } | null = null;
  /** Shortest time from a publish to its arrival, milliseconds. */
  #tripMs = 0;
  /** Bytes; raised by what arrives, as in slow start. */
  #ceiling = MIN_BATCH_BYTES;

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns to be called when it has arrived, and may be called again */
  published(bytes: number): () => void {
    const now = this.#now();
    if (this.#underWay.size === 0) this.#arrivedAt = now;
    const packet = { bytes, publishedAt: now, arrivedBytes: this.#arrivedBytes, arrivedAt: this.#arrivedAt };
    this.#underWay.add(packet);
    this.#bytesUnderWay += bytes;
    return () => this.#arrived(packet);
  }

  report(): LineReport {
    const rate = this.#rate;
    return {
      bytesPerSecond: rate === null ? null : Math.round(rate.value * 1_000),
      bytesUnderWay: this.#bytesUnderWay,
    };
  }

  /** Whether the line has enough for the next seconds. */
  get isFull(): boolean {
    return this.#bytesUnderWay > this.#window;
  }

  /** Size to aim for in a batch. */
  get batchBytes(): number {
    return Math.min(MAX_BATCH_BYTES, Math.max(MIN_BATCH_BYTES, this.#window / 4));
  }

  /** How long the line takes for so many bytes, milliseconds. */
  timeOf(bytes: number): number {
    return bytes / (this.#rate?.value ?? LEAST_RATE);
  }

  /**
   * When the line is taken for dead unless something arrives, monotonic milliseconds; null when
   * nothing is under way. Only the packet at the head counts: all before it has arrived.
   */
  get deadline(): number | null {
    const head = this.#head;
    if (head === null) return null;
    const slowest = Math.min(head.bytes / LEAST_RATE, Math.max(ANSWER_MS, SLOWDOWN * this.timeOf(head.bytes)));
    return this.#headSince(head) + ANSWER_MS + slowest;
  }

  /** How long the next arrival is overdue, milliseconds; 0 when it is not. */
  get overdueMs(): number {
    const head = this.#head;
    if (head === null) return 0;
    return Math.max(0, this.#now() - this.#headSince(head) - this.timeOf(head.bytes));
  }

  get #window(): number {
    const measured = this.#rate === null ? 0 : this.#rate.value * (WINDOW_MS + this.#tripMs);
    return Math.min(MAX_WINDOW_BYTES, this.#ceiling, measured);
  }

  get #head(): Packet | null {
    return this.#underWay.values().next().value ?? null;
  }

  #headSince({ publishedAt }: Packet): number {
    return Math.max(publishedAt, this.#arrivedAt);
  }

  /** What arrived before it is known to have arrived, too: packets keep their order. */
  #arrived(packet: Packet): void {
    if (!this.#underWay.has(packet)) return;
    for (const earlier of this.#underWay) {
      this.#account(earlier);
      if (earlier === packet) return;
    }
  }

  #account(packet: Packet): void {
    this.#underWay.delete(packet);
    const now = this.#now();
    const { bytes, publishedAt, arrivedBytes, arrivedAt } = packet;
    const wasBusy = this.#bytesUnderWay > this.#window / 2;
    // On a fast line one batch arrives before the next is ready: what limits it is its size.
    const wasLimited = wasBusy || bytes > this.batchBytes / 2;
    this.#bytesUnderWay -= bytes;
    this.#arrivedBytes += bytes;
    this.#arrivedAt = now;
    const trip = now - publishedAt;
    this.#tripMs = this.#rate === null ? trip : Math.min(this.#tripMs, trip);
    const value = (this.#arrivedBytes - arrivedBytes) / Math.max(1, now - arrivedAt);
    const known = this.#rate;
    // What does not fill the line shows only that it is at least this fast.
    if (wasBusy || known === null || value >= known.value || now - known.at > RATE_HOLDS_MS)
      this.#rate = { value, at: now };
    if (wasLimited) this.#ceiling = Math.min(MAX_WINDOW_BYTES, this.#ceiling + bytes);
  }
}
