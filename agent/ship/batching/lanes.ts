/**
 * The two lanes of a session's events. Live: what was accepted since, and what is pending of the current hour. Backlog: what is older, the
 * oldest first.
 *
 * A live lane that has too much to be quick leaves it to the backlog, ahead of what is there: the latest is right first, in any case.
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

  /** Whether nothing waits in either. */
  get empty(): boolean {
    return this.live.waiting === 0 && this.backlog.waiting === 0;
  }

  /** Everything that is pending waits, and nothing is on its way. @param hour the current one, hours since 1970 */
  begin(hour: number): void {
    const after = (this.#outbox.firstPendingFrom(hour) ?? this.#outbox.lastId() + 1) - 1;
    this.live.clear();
    this.backlog.clear();
    this.live.add({ after, upTo: Number.POSITIVE_INFINITY });
    this.backlog.add({ after: 0, upTo: after });
  }

  /** @returns how many wait in the live lane, which stays quick */
  liveWaiting(): number {
    const { waiting } = this.live;
    if (waiting <= MAX_LIVE) return waiting;
    this.backlog.add(this.live.handOver(this.#outbox.lastId()));
    return this.live.waiting;
  }
}
