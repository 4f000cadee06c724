/**
 * Which record of the ledger goes next: those that the collector does not have, the oldest first.
 *
 * A record is waiting here, on its way, acknowledged but not settled yet, or refused. The last three are `#out`: the outbox still gives
 * them.
 */
import type { Outbox, PendingLoss } from '../../port/outbox.ts';

const READ_RECORDS = 64;
/** A collector that refuses so many is not asked to take more in this session. */
const MAX_REFUSED = 256;

export class LossLane {
  readonly #outbox: Pick<Outbox, 'losses'>;
  #waiting: PendingLoss[] = [];
  #out = new Set<number>();
  #refused = 0;
  /** The outbox may have more than was read. */
  #more = true;

  constructor(outbox: Pick<Outbox, 'losses'>) {
    this.#outbox = outbox;
  }

  /** Records were added. */
  added(): void {
    this.#more = true;
  }

  /** The next one; null when none waits. @throws on a fault of the disk */
  next(): PendingLoss | null {
    if (this.#waiting.length === 0 && this.#more && this.#refused < MAX_REFUSED) this.#read();
    return this.#waiting[0] ?? null;
  }

  /** What `next` gave is on its way. */
  markSent(): void {
    this.#out.add(this.#waiting.shift()!.id);
  }

  resend(loss: PendingLoss): void {
    this.#out.delete(loss.id);
    this.#waiting.unshift(loss);
  }

  /** It is kept, and offered again in the next session. */
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
