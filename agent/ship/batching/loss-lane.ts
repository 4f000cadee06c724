/**
 * Queue of loss records to send: those that the collector does not have, oldest first.
 *
 * A record is waiting, in flight, acknowledged but not settled yet, or refused. The last three are
 * in `#out`, because the outbox still returns them.
 */
import type { Outbox, PendingLoss } from '../../port/outbox.ts';

const READ_RECORDS = 64;
/** After this many refusals no more records are offered in this session. */
const MAX_REFUSED = 256;

export class LossLane {
  readonly #outbox: Pick<Outbox, 'losses'>;
  #waiting: PendingLoss[] = [];
  #out = new Set<number>();
  #refused = 0;
  /** Whether the outbox may have more than was read. */
  #more = true;

  constructor(outbox: Pick<Outbox, 'losses'>) {
    this.#outbox = outbox;
  }

  /** Call when records were added. */
  added(): void {
    this.#more = true;
  }

  /** The next record; null when none waits. @throws on a disk error */
  next(): PendingLoss | null {
    if (this.#waiting.length === 0 && this.#more && this.#refused < MAX_REFUSED) this.#read();
    return this.#waiting[0] ?? null;
  }

  /** Marks the record that `next` returned as in flight. */
  markSent(): void {
    this.#out.add(this.#waiting.shift()!.id);
  }

  resend(loss: PendingLoss): void {
    this.#out.delete(loss.id);
    this.#waiting.unshift(loss);
  }

  /** Counts a refusal. The record is kept, and offered again in the next session. */
  refused(): void {
    this.#refused++;
  }

  #read(): void {
    const limit = this.#out.size + READ_RECORDS;
    const unsent = this.#outbox.losses(limit);
    const still = new Set<number>();
    for (const loss of unsent) {
      if (this.#out.has(loss.id)) still.add(loss.id);
      else this.#waiting.push(loss);
    }
    this.#out = still;
    this.#more = unsent.length === limit;
  }
}
