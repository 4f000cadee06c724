/**
 * Turns of strangers at the store: of CONNECTs with a token that this process has not seen
 * accepted, so that anybody may have invented it. Some are looked up at once; the others wait, and
 * addresses come in turn.
 *
 * Invariants: at most `atOnce` are looked up and `waiting` wait. Beyond, the newest of the address
 * with most is refused: a flood refuses its own. Nobody waits while there is a turn.
 */
import { RoundRobin } from '../../../shared/round-robin.ts';

export interface StrangerLimits {
  readonly atOnce: number;
  readonly waiting: number;
}

export interface Turn {
  /** Resolves when the store may be asked. Rejects when too many wait. */
  readonly granted: Promise<void>;
  /** The store has answered, or nobody waits for it any more. Once. */
  leave(): void;
}

interface Waiting {
  readonly grant: () => void;
  readonly refuse: () => void;
}

export class StrangerLookups {
  readonly #limits: StrangerLimits;
  readonly #waiting = new RoundRobin<Waiting>();
  #running = 0;

  constructor(limits: StrangerLimits) {
    this.#limits = limits;
  }

  /** @param address whom it is charged to */
  enter(address: string): Turn {
    const { promise: granted, resolve, reject } = Promise.withResolvers<void>();
    // Whoever leaves does not listen.
    granted.catch(() => undefined);
    let begun = false;
    const waiting: Waiting = {
      grant: () => {
        begun = true;
        this.#running++;
        resolve();
      },
      refuse: () => reject(new Error('too many tills that are not known here wait for the store')),
    };
    this.#waiting.push(address, waiting);
    this.#grant();
    if (this.#waiting.size > this.#limits.waiting) this.#waiting.pop()?.refuse();
    return {
      granted,
      leave: () => {
        if (!begun) this.#waiting.remove(address, waiting);
        else {
          this.#running--;
          this.#grant();
        }
      },
    };
  }

  #grant(): void {
    if (this.#running < this.#limits.atOnce) this.#waiting.shift()?.grant();
  }
}
