/**
 * What one lane sends next: what must be sent again, then the pending events of its stretches of ids, stretch after stretch.
 *
 * An event of a stretch is behind its cursor (on its way, or to be sent again), read ahead, or not read yet. Events are read anew from the
 * outbox when they are sent again: it is the only queue. What is read ahead is bounded by what one batch may hold.
 */
import { MAX_EVENTS } from '../../shared/wire/batch.ts';
import type { Outbox, PendingEvent } from '../buffer/port.ts';

/** Bounds what is read ahead where events are large. */
const READ_BYTES = 512 * 1024;

/** A closed range of ids. */
export interface Sent {
  readonly firstId: number;
  readonly lastId: number;
}

/** Ids above `after`, up to `upTo`. */
export interface Stretch {
  readonly after: number;
  readonly upTo: number;
}

/** How many events from the first on have consecutive seqs of one stream in one hour. */
function runLength(events: readonly PendingEvent[]): number {
  const [first] = events;
  if (first === undefined) return 0;
  let length = 1;
  for (; length < Math.min(events.length, MAX_EVENTS); length++) {
    const { epoch, hour, seq } = events[length]!;
    if (epoch !== first.epoch || hour !== first.hour || seq !== first.seq + length) break;
  }
  return length;
}

export class Feed {
  readonly #outbox: Outbox;
  /** `after` moves on as they are read; the first one's events are in `#ahead`. */
  readonly #stretches: Stretch[] = [];
  #ahead: PendingEvent[] = [];
  readonly #again: Sent[] = [];

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Comes before the stretches that are there. */
  add(stretch: Stretch): void {
    this.#unread();
    this.#stretches.unshift(stretch);
  }

  /** Forgets all that waits. */
  clear(): void {
    this.#stretches.length = 0;
    this.#again.length = 0;
    this.#ahead = [];
  }

  /** How many events wait to be sent. */
  get waiting(): number {
    let count = this.#ahead.length;
    for (const { firstId, lastId } of this.#again) count += this.#outbox.pendingCount(firstId - 1, lastId);
    for (const { after, upTo } of this.#stretches) count += this.#outbox.pendingCount(after, upTo);
    return count;
  }

  /**
   * The next events that may go into one batch; empty when nothing waits.
   *
   * @param wanted how many a batch may be able to hold
   * @throws on a fault of the disk
   */
  next(wanted: number): readonly PendingEvent[] {
    for (let range = this.#again[0]; range !== undefined; range = this.#again[0]) {
      const { firstId, lastId } = range;
      const events = this.#read({ after: firstId - 1, upTo: lastId }, wanted);
      if (events.length > 0) return events.slice(0, runLength(events));
      this.#again.shift();
    }
    // Read on before so few are left that they would make a poor batch.
    while (this.#ahead.length < wanted / 2) {
      const stretch = this.#stretches[0];
      if (stretch === undefined) break;
      const more = this.#read(stretch, wanted - this.#ahead.length);
      const last = more.at(-1);
      if (last !== undefined) {
        this.#stretches[0] = { after: last.id, upTo: stretch.upTo };
        this.#ahead.push(...more);
      } else if (stretch.upTo < Number.POSITIVE_INFINITY && this.#ahead.length === 0) this.#stretches.shift();
      else break;
    }
    return this.#ahead.slice(0, runLength(this.#ahead));
  }

  /** The first of what `next` gave are on their way. */
  take(events: readonly PendingEvent[]): Sent {
    const sent = { firstId: events[0]!.id, lastId: events.at(-1)!.id };
    const range = this.#again[0];
    if (range === undefined) this.#ahead.splice(0, events.length);
    else if (sent.lastId < range.lastId) this.#again[0] = { firstId: sent.lastId + 1, lastId: range.lastId };
    else this.#again.shift();
    return sent;
  }

  /** Sends a range again, as a batch of its own at most. */
  again(range: Sent): void {
    this.#again.push(range);
  }

  /** Gives up what waits of its first stretch, up to an id; goes on behind it. @returns what it gave up */
  yieldUpTo(id: number): Stretch {
    this.#unread();
    const [{ after, upTo }, ...rest] = this.#stretches as [Stretch, ...Stretch[]];
    this.#stretches.splice(0, Number.POSITIVE_INFINITY, { after: id, upTo }, ...rest);
    return { after, upTo: id };
  }

  /** What was read ahead is read again in its turn. */
  #unread(): void {
    const first = this.#ahead[0];
    if (first === undefined) return;
    const stretch = this.#stretches[0];
    const after = first.id - 1;
    const last = this.#ahead.at(-1)!.id;
    if (stretch?.after === last) this.#stretches[0] = { after, upTo: stretch.upTo };
    else this.#stretches.unshift({ after, upTo: last });
    this.#ahead = [];
  }

  #read({ after, upTo }: Stretch, limit: number): PendingEvent[] {
    const events = this.#outbox.pending(after, Math.min(limit, upTo - after), READ_BYTES);
    const beyond = events.findIndex(({ id }) => id > upTo);
    return beyond === -1 ? events : events.slice(0, beyond);
  }
}
