/**
 * Which lane may send first: loss records, then what is new, then the backlog. None of them is kept waiting for ever by those before it,
 * also while the collector's credit leaves room for one batch only.
 */
import type { Lane } from './in-flight-window.ts';

/** Batches that a lane sends in a row before a later one has a turn. */
const IN_A_ROW = 4;

const USUAL: readonly Lane[] = ['losses', 'live', 'backlog'];
const LIVE_FIRST: readonly Lane[] = ['live', 'losses', 'backlog'];
const BACKLOG_FIRST: readonly Lane[] = ['backlog', 'losses', 'live'];

export class Turns {
  #last: Lane | null = null;
  #inARow = 0;

  get order(): readonly Lane[] {
    if (this.#inARow < IN_A_ROW) return USUAL;
    if (this.#last === 'losses') return LIVE_FIRST;
    return this.#last === 'live' ? BACKLOG_FIRST : USUAL;
  }

  sent(lane: Lane): void {
    this.#inARow = lane === this.#last ? this.#inARow + 1 : 1;
    this.#last = lane;
  }
}
