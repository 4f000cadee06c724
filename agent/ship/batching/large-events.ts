/**
 * Events that are too large for a batch with others on this line. Each is sent alone: when nothing
 * smaller waits, or when smaller ones went before it for as long as the line needs for it. So a
 * large event delays the others by its own time at most, and takes half of the line at most.
 */
import type { PendingEvent, Settlement } from '../../port/outbox.ts';
import type { LineMeter } from '../line/line-meter.ts';
import type { Run } from './lane.ts';

/** Reading on for smaller events has an end: each large one is read and encoded on the way. */
const MAX_WAITING = 16;

export interface LargeEvent {
  readonly lane: 'live' | 'backlog';
  readonly id: PendingEvent['id'];
  /** Estimated, on the wire. */
  readonly bytes: number;
  /** Since when smaller ones go before it, monotonic milliseconds. */
  readonly since: number;
}

export class LargeEvents {
  readonly #waiting: LargeEvent[] = [];
  readonly #line: LineMeter;
  /** When the last one that was sent has had its time on the line, monotonic milliseconds. */
  #lineFreeAt = 0;

  constructor(line: LineMeter) {
    this.#line = line;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(event: LargeEvent): void {
    this.#waiting.push(event);
  }

  /**
   * @param nothingSmaller whether no other event waits that may be sent
   * @param maySend those of another lane wait, and hold up none
   * @returns the next, if it is its turn
   */
  due(now: number, nothingSmaller: boolean, maySend: (lane: LargeEvent['lane']) => boolean): LargeEvent | null {
    const next = this.#waiting.find(({ lane }) => maySend(lane));
    if (next === undefined) return null;
    const turn = Math.max(next.since, this.#lineFreeAt) + this.#line.timeOf(next.bytes);
    return nothingSmaller || this.#waiting.length >= MAX_WAITING || now >= turn ? next : null;
  }

  /** Removes the one that `due` returned. */
  sent(event: LargeEvent, now: number): void {
    this.#waiting.splice(this.#waiting.indexOf(event), 1);
    this.#lineFreeAt = now + this.#line.timeOf(event.bytes);
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}

/** An event that fits into no batch at all. */
export const oversized = ({ first: { epoch, seq } }: Run): Settlement => ({
  kind: 'quarantined',
  epoch,
  firstSeq: seq,
  lastSeq: seq,
  reason: 'fits into no batch',
});
