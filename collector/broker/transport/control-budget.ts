/**
 * What a connection pays for packets that carry no batch: one token each from a bucket. Answers to
 * our own publishes (PUBACK) are free.
 */
import { type Rate, TokenBucket } from '../../../shared/token-bucket.ts';
import { PUBACK, PUBLISH } from './fixed-header.ts';

/** Event of a stream over WebSocket: a frame without data arrived. */
export const EMPTY_FRAME = 'empty-frame';
/** As what it is paid; no packet has this type (section 2.2.1: reserved). */
export const EMPTY_FRAME_TYPE = 0;
/** Nobody saves up answers: an honest client gives each at once. */
const MAX_PUBACKS_OWED = 1_024;
/** A SUBSCRIBE of a thousand filters costs as much as several. */
const BYTES_A_TOKEN = 256;

export interface ControlLimits {
  readonly control: Rate;
  /** A smaller PUBLISH can hold neither a batch nor a status. */
  readonly minPublishBytes: number;
}

export class ControlBudget {
  readonly #bucket: TokenBucket;
  readonly #minPublishBytes: number;
  #pubacksOwed = 0;

  constructor({ control, minPublishBytes }: ControlLimits, clock: () => number) {
    this.#bucket = new TokenBucket(control, clock);
    this.#minPublishBytes = minPublishBytes;
  }

  /** We publish to the client: it will answer. */
  published(): void {
    this.#pubacksOwed = Math.min(this.#pubacksOwed + 1, MAX_PUBACKS_OWED);
  }

  /** @returns false: the packet is one too many */
  admits(type: number, size: number): boolean {
    if (type === PUBLISH) return size >= this.#minPublishBytes || this.#bucket.take();
    if (type === PUBACK && this.#pubacksOwed > 0) {
      this.#pubacksOwed--;
      return true;
    }
    return this.#bucket.take(1 + Math.floor(size / BYTES_A_TOKEN));
  }
}
