/**
 * What goes out next, in order: what must be sent again, then what was accepted since.
 *
 * An event is behind the cursor (on its way, or to be sent again), read ahead, or not read yet. Events are read anew from the outbox when they
 * are sent again: it is the only queue.
 */
import { MAX_EVENTS } from '../../shared/wire/batch.ts';
import type { Outbox, PendingEvent } from '../buffer/port.ts';

/** Bounds what is held in memory while a backlog drains. */
const READ_EVENTS = 2_000;
const READ_BYTES = 512 * 1024;
/** Read on before so few are left that they would make a poor batch. */
const READ_ON_BELOW = 1_000;

/** A closed range of ids. */
export interface Sent {
  readonly firstId: number;
  readonly lastId: number;
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
  /** Id of the last event that was read ahead. */
  #cursor = 0;
  #ahead: PendingEvent[] = [];
  readonly #again: Sent[] = [];

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** How many events wait to be sent. */
  get waiting(): number {
    let again = 0;
    for (const { firstId, lastId } of this.#again) again += lastId - firstId + 1;
    return again + this.#ahead.length + this.#outbox.pendingAfter(this.#cursor);
  }

  /** The next events that may go into one batch; empty when nothing waits. @throws on a fault of the disk */
  next(): readonly PendingEvent[] {
    for (let range = this.#again[0]; range !== undefined; range = this.#again[0]) {
      const { firstId, lastId } = range;
      const events = this.#outbox
        .pending(firstId - 1, lastId - firstId + 1, READ_BYTES)
        .filter(({ id }) => id <= lastId);
      if (events.length > 0) return events.slice(0, runLength(events));
      this.#again.shift();
    }
    if (this.#ahead.length < READ_ON_BELOW) {
      const more = this.#outbox.pending(this.#cursor, READ_EVENTS, READ_BYTES);
      this.#cursor = more.at(-1)?.id ?? this.#cursor;
      this.#ahead.push(...more);
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
}
