/**
 * The two event lanes of a session. Live: events accepted since it began, and pending events of the
 * current hour. Backlog: older events, oldest first.
 *
 * A live lane with too many events to be quick hands them to the front of the backlog, so that the
 * latest events still come first.
 */
import type { Outbox } from '../../port/outbox.ts';
import { Lane } from './lane.ts';

/** About half a second of draining. */
const MAX_LIVE = 10_000;

export class Lanes {
  readonly live: Lane;
  readonly backlog: Lane;
  readonly #outbox: Outbox;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
    this.live = new Lane(outbox);
    this.backlog = new Lane(outbox);
  }

  /** Whether nothing waits in either lane. */
  get empty(): boolean {
    return this.live.waiting === 0 && this.backlog.waiting === 0;
  }

  /**
   * Starts with everything pending waiting and nothing in flight.
   *
   * @param hour the current one, hours since 1970
   */
  begin(hour: number): void {
    const after = (this.#outbox.firstPendingFrom(hour) ?? this.#outbox.lastId() + 1) - 1;
    this.live.clear();
    this.backlog.clear();
    this.live.add({ after, upTo: Number.POSITIVE_INFINITY });
    this.backlog.add({ after: 0, upTo: after });
  }

  /**
   * @returns number of events waiting in the live lane, after handing over an excess to the backlog
   */
  liveWaiting(): number {
    const { waiting } = this.live;
    if (waiting <= MAX_LIVE) return waiting;
    this.backlog.add(this.live.handOver(this.#outbox.lastId()));
    return this.live.waiting;
  }
}
