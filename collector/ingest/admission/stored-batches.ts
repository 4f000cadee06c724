/**
 * Batches that this process knows to be stored with their due mark, so that a repeat is answered
 * without decoding it. Forgetting one is always safe: it costs one decode.
 *
 * A batch is known by its sender and the SHA-256 of all its bytes: nobody can make other bytes that
 * would be taken for it.
 */
import { hash } from 'node:crypto';
import type { Payer } from './decode-turns.ts';

export const batchDigest = ({ merchant, terminal }: Payer, bytes: Uint8Array): string =>
  `${merchant}/${terminal}/${hash('sha256', bytes, 'latin1')}`;

export class StoredBatches {
  readonly #max: number;
  /** Oldest first. */
  readonly #digests = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  has(digest: string): boolean {
    return this.#digests.has(digest);
  }

  /** Call it once the batch's row and then its due mark are durable. */
  add(digest: string): void {
    this.#digests.delete(digest);
    this.#digests.add(digest);
    if (this.#digests.size <= this.#max) return;
    const [oldest] = this.#digests;
    this.#digests.delete(oldest!);
  }
}
