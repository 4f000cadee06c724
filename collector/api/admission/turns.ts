/**
 * Turns of the event loop for HTTP: in one iteration of the loop one request begins, or one slice
 * of one answer runs. Everything else in the process (tills, health) runs in between, however many
 * requests there are.
 *
 * Requests and slices have turns alternately: many addresses do not slow answers, nor many answers
 * requests. Among requests addresses come in turn, among slices merchants. Health checks have a
 * line of their own, which has a turn in each iteration as well.
 *
 * After a long piece some iterations are left to others: what a till's batch needs takes several,
 * and it would otherwise wait for a piece in each of them. Without others they take no time.
 */
import { RoundRobin } from '../../../shared/round-robin.ts';

type Run = () => void;

const LONG_MS = 2;
const ITERATIONS_FOR_OTHERS = 4;

export class Turns {
  readonly #clock: () => number;
  readonly #requests = new RoundRobin<Run>();
  readonly #slices = new RoundRobin<Run>();
  /** Which of both had the last turn. */
  #last: RoundRobin<Run> = this.#slices;
  readonly #health = new RoundRobin<Run>();
  /** Whether an iteration that had its turns is not over yet. */
  #taken = false;
  /** When the last piece began, monotonic milliseconds. */
  #begunAt = Number.POSITIVE_INFINITY;
  #forOthers = 0;

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Begins a request: at once if nobody has had a turn in this iteration, else in its turn. */
  take(owner: string, run: Run): void {
    if (this.#taken) this.#requests.push(owner, run);
    else this.#begin(run);
  }

  takeForHealth(owner: string, run: Run): void {
    if (this.#taken) this.#health.push(owner, run);
    else this.#begin(run);
  }

  /** The next slice: resolves in a later iteration, when the owner has a turn. */
  next(owner: string): Promise<void> {
    return new Promise((resolve) => {
      this.#slices.push(owner, resolve);
      this.#arm();
    });
  }

  #begin(run: Run): void {
    this.#arm();
    this.#begunAt = this.#clock();
    run();
  }

  #arm(): void {
    if (this.#taken) return;
    this.#taken = true;
    setImmediate(this.#iterate);
  }

  readonly #iterate = (): void => {
    this.#taken = false;
    if (this.#clock() - this.#begunAt >= LONG_MS) this.#forOthers = ITERATIONS_FOR_OTHERS;
    this.#begunAt = Number.POSITIVE_INFINITY;
    const health = this.#health.shift();
    if (this.#forOthers > 0) this.#forOthers--;
    const run = this.#forOthers > 0 ? undefined : this.#shift();
    if (this.#forOthers > 0 || run !== undefined || health !== undefined) this.#arm();
    health?.();
    if (run !== undefined) this.#begin(run);
  };

  #shift(): Run | undefined {
    const other = this.#last === this.#requests ? this.#slices : this.#requests;
    if (other.size > 0) this.#last = other;
    return this.#last.shift();
  }
}
