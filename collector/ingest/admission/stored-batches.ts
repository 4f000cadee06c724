/**
 * Recognises repeats of stored batches by the keys of their rows, which name what a batch says:
 * nobody can make another batch of that name (`shared/wire/batch-digest.ts`).
 */
import type { BatchHeader } from '../../../shared/wire/header.ts';
import type { Payer } from './fair-queue.ts';

/** What a batch claims to be: a row's key but for the digest, which takes all of its bytes. */
export const claimOf = (
  { merchant, terminal }: Payer,
  { epoch, hour, kind, firstSeq, count }: Pick<BatchHeader, 'epoch' | 'hour' | 'kind' | 'firstSeq' | 'count'>,
): string => `${merchant}/${terminal}/${epoch}/${hour}/${kind}/${firstSeq}/${count}`;

/**
 * The batches that this process knows to be stored with their due mark. Forgetting one is always
 * safe: it costs a decode.
 */
export class StoredBatches {
  readonly #max: number;
  /** Digests by claim, oldest first. */
  readonly #digests = new Map<string, string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a batch that claims this may be a repeat. */
  mayHave(claim: string): boolean {
    return this.#digests.has(claim);
  }

  has(claim: string, digest: string): boolean {
    return this.#digests.get(claim) === digest;
  }

  /** Call it once the batch's row and then its due mark are durable. */
  add(claim: string, digest: string): void {
    this.#digests.set(claim, digest);
    if (this.#digests.size <= this.#max) return;
    const [oldest] = this.#digests.keys();
    this.#digests.delete(oldest!);
  }

  forgetAll(): void {
    this.#digests.clear();
  }
}

interface Question {
  readonly rowKey: Uint8Array;
  /** Monotonic milliseconds. */
  readonly since: number;
  /** Further calls do nothing. */
  readonly answer: (exists: boolean) => void;
}

export interface RowLookupOptions {
  readonly existing: (rowKeys: readonly Uint8Array[]) => Promise<boolean[]>;
  /** Rows in one call. */
  readonly maxRows: number;
  /** How long a question waits for its answer. */
  readonly maxWaitMs: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/**
 * Asks the store which rows it has, one call at a time for all that was asked meanwhile. Nothing is
 * said of a row's due mark. Given `expire` is called, no question waits longer than `maxWaitMs`
 * plus the time between two calls.
 */
export class RowLookup {
  readonly #options: RowLookupOptions;
  #waiting: Question[] = [];
  #asked: Question[] = [];

  constructor(options: RowLookupOptions) {
    this.#options = options;
  }

  /** False also when the store does not say in time. */
  has(rowKey: Uint8Array): Promise<boolean> {
    return new Promise((answer) => {
      this.#waiting.push({ rowKey, since: this.#options.clock(), answer });
      if (this.#asked.length === 0) void this.#ask();
    });
  }

  expire(): void {
    const before = this.#options.clock() - this.#options.maxWaitMs;
    for (const { since, answer } of [...this.#asked, ...this.#waiting]) if (since <= before) answer(false);
    this.#waiting = this.#waiting.filter(({ since }) => since > before);
  }

  async #ask(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#asked = this.#waiting.splice(0, this.#options.maxRows);
      const exist = await this.#options.existing(this.#asked.map(({ rowKey }) => rowKey)).catch(() => []);
      for (const [index, { answer }] of this.#asked.entries()) answer(exist[index] ?? false);
      this.#asked = [];
    }
  }
}
