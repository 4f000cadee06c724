/**
 * Which answers to merchants are under way. The others wait, and merchants come in turn: nobody's
 * questions wait for all of another merchant's.
 *
 *     enter() ──▶ waiting ── a place is free ──▶ under way ── leave() ──▶ gone
 *                    └── leave(), or waited too long ──▶ gone
 *
 * Invariants: at most `underWay` are under way, `underWayPerMerchant` of them of one merchant. At
 * most `waiting` wait, `waitingPerMerchant` of one merchant; an address that is bounded has at most
 * `perAddress` in both. Nobody waits while there is a place for him.
 */
import { RoundRobin } from '../../../shared/round-robin.ts';
import { Problem } from '../query/problem.ts';
import type { AdmissionMetrics, Refusal } from './metrics.ts';

export interface AdmissionLimits {
  readonly underWay: number;
  readonly underWayPerMerchant: number;
  readonly waiting: number;
  readonly waitingPerMerchant: number;
  readonly perAddress: number;
  readonly waitMs: number;
}

export interface Place {
  /** Resolves when the answer may begin. Rejects with Problem 429 when it has waited too long. */
  readonly granted: Promise<void>;
  /** The answer was written, or nobody waits for it any more. Safe to repeat. */
  leave(): void;
}

interface Waiting {
  readonly merchant: string;
  readonly grant: () => void;
}

const RETRY_AFTER_S = 2;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #metrics: AdmissionMetrics;
  readonly #waiting = new RoundRobin<Waiting>();
  readonly #underWay = new Count();
  readonly #addresses = new Count();

  constructor(limits: AdmissionLimits, metrics: AdmissionMetrics) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  /**
   * @param address null: the bound of one address does not apply
   * @throws Problem 429 at a bound
   */
  enter(merchant: string, address: string | null): Place {
    const { waiting, waitingPerMerchant, perAddress } = this.#limits;
    if (address !== null && this.#addresses.of(address) >= perAddress)
      throw this.#refusal('answers-address', `more than ${perAddress} questions at once from one address`);
    const free = this.#hasPlace(merchant);
    if (!free && this.#waiting.waiting(merchant) >= waitingPerMerchant)
      throw this.#refusal('answers-merchant', `more than ${waitingPerMerchant} questions of one merchant wait`);
    if (!free && this.#waiting.size >= waiting)
      throw this.#refusal('answers', 'the collector has too many questions at the moment');
    if (address !== null) this.#addresses.add(address, 1);
    return free ? this.#begin(merchant, address) : this.#wait(merchant, address);
  }

  #begin(merchant: string, address: string | null): Place {
    this.#underWay.add(merchant, 1);
    this.#report();
    return { granted: Promise.resolve(), leave: once(() => this.#end(merchant, address)) };
  }

  #wait(merchant: string, address: string | null): Place {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let begun = false;
    const waiting: Waiting = {
      merchant,
      grant: () => {
        begun = true;
        clearTimeout(late);
        resolve();
      },
    };
    const leave = once(() => {
      clearTimeout(late);
      if (begun) return this.#end(merchant, address);
      this.#waiting.remove(merchant, waiting);
      if (address !== null) this.#addresses.add(address, -1);
      this.#report();
      reject(new Problem(429, 'the question was given up', { retryAfterS: RETRY_AFTER_S }));
    });
    const late = setTimeout(() => {
      reject(this.#refusal('answer-wait', 'the question has waited too long for those before it'));
      leave();
    }, this.#limits.waitMs);
    this.#waiting.push(merchant, waiting);
    this.#report();
    // Whoever leaves has nobody who listens.
    promise.catch(() => undefined);
    return { granted: promise, leave };
  }

  #end(merchant: string, address: string | null): void {
    this.#underWay.add(merchant, -1);
    if (address !== null) this.#addresses.add(address, -1);
    const next = this.#underWay.sum < this.#limits.underWay && this.#waiting.shift((of) => this.#hasPlace(of));
    if (next) {
      this.#underWay.add(next.merchant, 1);
      next.grant();
    }
    this.#report();
  }

  #hasPlace(merchant: string): boolean {
    const { underWay, underWayPerMerchant } = this.#limits;
    return this.#underWay.sum < underWay && this.#underWay.of(merchant) < underWayPerMerchant;
  }

  #refusal(reason: Refusal, detail: string): Problem {
    this.#metrics.refused(reason);
    return new Problem(429, `${detail}: ask again in a few seconds, and fewer at once`, { retryAfterS: RETRY_AFTER_S });
  }

  #report(): void {
    this.#metrics.answers(this.#underWay.sum, this.#waiting.size);
  }
}

/** Counts by name; a name without a count takes no memory. */
class Count {
  readonly #counts = new Map<string, number>();
  sum = 0;

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, count: number): void {
    const next = this.of(name) + count;
    this.sum += count;
    if (next === 0) this.#counts.delete(name);
    else this.#counts.set(name, next);
  }
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
