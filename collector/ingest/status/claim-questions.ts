/**
 * Questions to the store that statuses wait for: so many at a time, and the merchants in turn.
 *
 *     asked ──▶ waiting for its turn ──▶ under way ──▶ answered
 *       │                 └──────────────────┴──▶ late: answered with no, and told once it is known
 *       └──▶ no room
 *
 * Invariants:
 * - At most `maxRunning` are under way, whatever the store does, and at most `maxWaiting` wait; of
 *   those a merchant has as many as are left to all others.
 * - Given `expire` is called, each is answered in `turnMs` and `runMs`, plus the time between two
 *   calls.
 */
import { FairQueue, type Payer } from '../admission/fair-queue.ts';
import { MerchantShares } from '../admission/merchant-shares.ts';

export interface QuestionLimits {
  readonly maxRunning: number;
  readonly maxWaiting: number;
  /** How long one waits for its turn, and how long for the store, before it is late. */
  readonly turnMs: number;
  readonly runMs: number;
}

interface Question {
  readonly payer: Payer;
  readonly ask: () => Promise<boolean>;
  /** When it is late, monotonic milliseconds. */
  lateAt: number;
  /** Null once it is answered. */
  answer: ((found: boolean) => void) | null;
  readonly onLate: (found: boolean) => void;
}

export class ClaimQuestions {
  readonly #limits: QuestionLimits;
  readonly #clock: () => number;
  readonly #queue = new FairQueue<Question>();
  readonly #shares: MerchantShares;
  readonly #open = new Set<Question>();
  #running = 0;

  /** @param clock monotonic milliseconds */
  constructor(limits: QuestionLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
    this.#shares = new MerchantShares(limits.maxWaiting);
  }

  /**
   * @param ask its answer; a failure is a no
   * @param onLate called with the answer of a question that was late
   * @returns null when there is no room
   */
  ask(payer: Payer, ask: () => Promise<boolean>, onLate: (found: boolean) => void): Promise<boolean> | null {
    if (!this.#shares.take(payer.merchant, 1)) return null;
    return new Promise((answer) => {
      const question = { payer, ask, lateAt: this.#clock() + this.#limits.turnMs, answer, onLate };
      this.#open.add(question);
      this.#queue.push(payer, question);
      this.#serve();
    });
  }

  /** Call it about once a second. */
  expire(): void {
    const now = this.#clock();
    for (const question of this.#open) if (question.lateAt <= now) this.#answer(question, false);
  }

  #serve(): void {
    while (this.#running < this.#limits.maxRunning && this.#queue.size > 0)
      this.#queue.serveNext((question) => {
        this.#shares.release(question.payer.merchant, 1);
        question.lateAt = this.#clock() + this.#limits.runMs;
        void this.#run(question);
        return 1;
      });
  }

  async #run(question: Question): Promise<void> {
    this.#running++;
    const found = await question.ask().catch(() => false);
    this.#running--;
    if (question.answer === null) question.onLate(found);
    this.#answer(question, found);
    this.#serve();
  }

  #answer(question: Question, found: boolean): void {
    question.answer?.(found);
    question.answer = null;
    this.#open.delete(question);
  }
}
