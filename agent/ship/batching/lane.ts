/**
 * What one lane sends next: what must be sent again, then the pending events of its stretches of ids, stretch after stretch.
 *
 * An event of a stretch is behind its cursor (on its way, or to be sent again), or not read yet. Nothing is read ahead: the outbox is the
 * only queue, and events go from the disk into a batch one by one.
 */
import type { Outbox, PendingEvent } from '../../port/outbox.ts';

/** A closed range of ids. */
export interface IdSpan {
  readonly firstId: number;
  readonly lastId: number;
}

/** Ids above `after`, up to `upTo`. */
export interface IdWindow {
  readonly after: number;
  readonly upTo: number;
}

/** Consecutive seqs of one stream in one hour, one at least: what may go into one batch. */
export interface Run extends Iterable<PendingEvent> {
  readonly first: PendingEvent;
}

/** Each loop reads what follows the first one from the outbox anew. */
class PendingRun implements Run {
  readonly first: PendingEvent;
  readonly #outbox: Outbox;
  readonly #upTo: number;

  private constructor(outbox: Outbox, first: PendingEvent, upTo: number) {
    this.#outbox = outbox;
    this.first = first;
    this.#upTo = upTo;
  }

  /** The first one in a stretch; null when nothing of it is pending. @throws on a fault of the disk */
  static in(outbox: Outbox, { after, upTo }: IdWindow): Run | null {
    for (const first of outbox.pending(after)) return first.id > upTo ? null : new PendingRun(outbox, first, upTo);
    return null;
  }

  /** @throws on a fault of the disk */
  *[Symbol.iterator](): Generator<PendingEvent, void, undefined> {
    const { id, epoch, seq, hour } = this.first;
    yield this.first;
    let next = seq + 1;
    for (const event of this.#outbox.pending(id)) {
      const follows = event.epoch === epoch && event.hour === hour && event.seq === next++;
      if (!follows || event.id > this.#upTo) return;
      yield event;
    }
  }
}

export class Lane {
  readonly #outbox: Outbox;
  /** `after` moves on as they are sent. */
  readonly #stretches: IdWindow[] = [];
  readonly #again: IdSpan[] = [];

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Comes before the stretches that are there. */
  add(stretch: IdWindow): void {
    this.#stretches.unshift(stretch);
  }

  /** Forgets all that waits. */
  clear(): void {
    this.#stretches.length = 0;
    this.#again.length = 0;
  }

  /** How many events wait to be sent. */
  get waiting(): number {
    let count = 0;
    for (const { firstId, lastId } of this.#again) count += this.#outbox.pendingCount(firstId - 1, lastId);
    for (const { after, upTo } of this.#stretches) count += this.#outbox.pendingCount(after, upTo);
    return count;
  }

  /** The next run; null when nothing waits. @throws on a fault of the disk */
  nextRun(): Run | null {
    for (let range = this.#again[0]; range !== undefined; range = this.#again[0]) {
      const run = PendingRun.in(this.#outbox, { after: range.firstId - 1, upTo: range.lastId });
      if (run !== null) return run;
      this.#again.shift();
    }
    for (let stretch = this.#stretches[0]; stretch !== undefined; stretch = this.#stretches[0]) {
      const run = PendingRun.in(this.#outbox, stretch);
      if (run !== null) return run;
      // The one without an end is for what is to come.
      if (stretch.upTo === Number.POSITIVE_INFINITY) break;
      this.#stretches.shift();
    }
    return null;
  }

  /** The first events of what `next` gave are on their way. */
  markSent({ lastId }: IdSpan): void {
    const range = this.#again[0];
    if (range === undefined) this.#stretches[0] = { after: lastId, upTo: this.#stretches[0]!.upTo };
    else if (lastId < range.lastId) this.#again[0] = { firstId: lastId + 1, lastId: range.lastId };
    else this.#again.shift();
  }

  /** Sends a range again, as a batch of its own at most. */
  resend(range: IdSpan): void {
    this.#again.push(range);
  }

  /** Gives up what waits of its first stretch, up to an id; goes on behind it. @returns what it gave up */
  handOver(id: number): IdWindow {
    const [{ after, upTo }, ...rest] = this.#stretches as [IdWindow, ...IdWindow[]];
    this.#stretches.splice(0, Number.POSITIVE_INFINITY, { after: id, upTo }, ...rest);
    return { after, upTo: id };
  }
}
