/** Reports the faults of a buffer's file where they are caught. Whoever met one gets it too. */

export class FaultReporter {
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  report(error: unknown): void {
    this.#report(error);
  }

  /** Runs work that may throw a fault. */
  run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#report(error);
      throw error;
    }
  }

  /** Waits for work that may reject with a fault. */
  async wait<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#report(error);
      throw error;
    }
  }
}
