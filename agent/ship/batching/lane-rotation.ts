/**
 * Decides which lane sends next: loss records, then live events, then the backlog. No lane starves
 * behind another, even while the collector's credit leaves room for one batch only.
 */
import type { LaneName } from './in-flight-window.ts';

/** Batches that a lane sends in a row before a later one gets its turn. */
const IN_A_ROW = 4;

const USUAL: readonly LaneName[] = ['losses', 'live', 'backlog'];
const LIVE_FIRST: readonly LaneName[] = ['live', 'losses', 'backlog'];
const BACKLOG_FIRST: readonly LaneName[] = ['backlog', 'losses', 'live'];

export class LaneRotation {
  #last: LaneName | null = null;
  #inARow = 0;

  get order(): readonly LaneName[] {
    if (this.#inARow < IN_A_ROW) return USUAL;
    if (this.#last === 'losses') return LIVE_FIRST;
    return this.#last === 'live' ? BACKLOG_FIRST : USUAL;
  }

  sent(lane: LaneName): void {
    this.#inARow = lane === this.#last ? this.#inARow + 1 : 1;
    this.#last = lane;
  }
}
