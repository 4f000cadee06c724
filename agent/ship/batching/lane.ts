/**
 * One lane's queue: first the ranges to send again, then the pending events of its id windows,
 * window by window.
 *
 * An event of a window is either behind its cursor (in flight, or to be sent again) or not read
 * yet. Nothing is read ahead: the outbox is the only queue, and events go from the disk into a
 * batch one by one.
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

/** Consecutive seqs of one stream in one hour, at least one: what may go into one batch. */
export interface Run extends Iterable<PendingEvent> {
  readonly first: PendingEvent;
}

/** Each iteration reads the events after the first one from the outbox again. */
export class PendingRun implements Run {
  readonly first: PendingEvent;
  readonly #outbox: Outbox;
  readonly #upTo: number;

  private constructor(outbox: Outbox, first: PendingEvent, upTo: number) {
    this.#outbox = outbox;
    this.first = first;
    this.#upTo = upTo;
  }

  /** The first run in a window; null when nothing in it is pending. @throws on a disk error */
  static in(outbox: Outbox, { after, upTo }: IdWindow): Run | null {
    for (const first of outbox.pending(after)) return first.id > upTo ? null : new PendingRun(outbox, first, upTo);
    return null;
  }

  /** @throws on a disk error */
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
  /** Their `after` advances as events are sent. */
  readonly #windows: IdWindow[] = [];
  readonly #resends: IdSpan[] = [];

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Adds a window before the existing ones. */
  add(window: IdWindow): void {
    this.#windows.unshift(window);
  }

  /** Removes everything that waits. */
  clear(): void {
    this.#windows.length = 0;
    this.#resends.length = 0;
  }

  /** Number of events that wait to be sent. */
  get waiting(): number {
    let count = 0;
    for (const { firstId, lastId } of this.#resends) count += this.#outbox.pendingCount(firstId - 1, lastId);
    for (const { after, upTo } of this.#windows) count += this.#outbox.pendingCount(after, upTo);
    return count;
  }

  /** The next run; null when nothing waits. @throws on a disk error */
  nextRun(): Run | null {
    for (let range = this.#resends[0]; range !== undefined; range = this.#resends[0]) {
      const run = PendingRun.in(this.#outbox, { after: range.firstId - 1, upTo: range.lastId });
      if (run !== null) return run;
      this.#resends.shift();
    }
    for (let window = this.#windows[0]; window !== undefined; window = this.#windows[0]) {
      const run = PendingRun.in(this.#outbox, window);
      if (run !== null) return run;
      // The open-ended window stays, for events to come.
      if (window.upTo === Number.POSITIVE_INFINITY) break;
      this.#windows.shift();
    }
    return null;
  }

  /** Marks the first events of the run that `nextRun` returned as in flight. */
  markSent({ lastId }: IdSpan): void {
    const range = this.#resends[0];
    if (range === undefined) this.#windows[0] = { after: lastId, upTo: this.#windows[0]!.upTo };
    else if (lastId < range.lastId) this.#resends[0] = { firstId: lastId + 1, lastId: range.lastId };
    else this.#resends.shift();
  }

  /** Queues a range to be sent again, in a batch with nothing else. */
  resend(range: IdSpan): void {
    this.#resends.push(range);
  }

  /** Cuts the first window at an id and continues behind it. @returns the part that was cut off */
  handOver(id: number): IdWindow {
    const [{ after, upTo }, ...rest] = this.#windows as [IdWindow, ...IdWindow[]];
    this.#windows.splice(0, Number.POSITIVE_INFINITY, { after: id, upTo }, ...rest);
    return { after, upTo: id };
  }
}
