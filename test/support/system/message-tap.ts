/** Waits for the moment at which something passes on a line. */
import type { Direction, Ear } from './proxy-line.ts';

export class Wiretap {
  readonly #makeHeard: () => (chunk: Buffer) => number;
  readonly #waiting: Record<Direction, (() => void)[]> = { there: [], back: [] };

  /** @param makeHeard makes, for one direction of one connection, what counts the messages of interest that begin in a chunk */
  constructor(makeHeard: () => (chunk: Buffer) => number) {
    this.#makeHeard = makeHeard;
  }

  readonly ear = (): Ear => {
    const heard = { there: this.#makeHeard(), back: this.#makeHeard() };
    return (direction, chunk) => {
      // After the chunk was passed on: what is struck now has let go of it.
      if (heard[direction](chunk) > 0) setImmediate(() => this.#tell(direction));
      return 'pass';
    };
  };

  /** Calls `strike` the moment the next message has passed, and resolves with what that gives. */
  onNext<T>(direction: Direction, strike: () => Promise<T>): Promise<T> {
    const struck = Promise.withResolvers<T>();
    this.#waiting[direction].push(() => struck.resolve(strike()));
    return struck.promise;
  }

  #tell(direction: Direction): void {
    for (const then of this.#waiting[direction].splice(0)) then();
  }
}

/** Every chunk counts: HTTP answers. */
export const anything = () => (): number => 1;

const PUBLISH = 3;

/** Counts MQTT PUBLISH packets by their fixed headers (MQTT 3.1.1, 2.2): a batch one way, an ack the other, but no PUBACK. */
export function publishes(): (chunk: Buffer) => number {
  /** Bytes of the current packet still to come; null while its header is read. */
  let left: number | null = null;
  let header: number[] = [];
  return (chunk) => {
    let found = 0;
    for (let at = 0; at < chunk.length; ) {
      if (left === null) {
        header.push(chunk[at++]!);
        if (header.length === 1 || header.at(-1)! >= 0x80) continue;
        if (header[0]! >> 4 === PUBLISH) found++;
        left = header.slice(1).reduceRight((length, byte) => length * 128 + (byte & 0x7f), 0);
        header = [];
      }
      const taken: number = Math.min(left, chunk.length - at);
      at += taken;
      left = left === taken ? null : left - taken;
    }
    return found;
  };
}
