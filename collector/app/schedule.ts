/**
 * Runs a task by a cron expression, and by the clock as it is at each moment. node-cron's own
 * scheduler keeps to the time that it waits for: after the clock was set back by a year it rests
 * for a year, and after it was set ahead it goes through every minute in between.
 */
import { createTask } from 'node-cron';

/** How soon it is noticed that the clock was set. */
const MAX_WAIT_MS = 10_000;

export interface ScheduleOptions {
  readonly run: () => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The next time after now, milliseconds since 1970. */
  readonly next: () => number;
  /** Calls `then` later. @returns cancels it */
  readonly wait: (then: () => void, ms: number) => () => void;
}

export class Schedule {
  readonly #options: ScheduleOptions;
  #cancel: () => void;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#cancel = this.#arm();
  }

  stop(): void {
    this.#cancel();
  }

  #arm(): () => void {
    const { run, now, next, wait } = this.#options;
    const at = next();
    return wait(
      () => {
        this.#cancel = () => undefined;
        if (now() >= at) run();
        this.#cancel = this.#arm();
      },
      Math.max(0, Math.min(at - now(), MAX_WAIT_MS)),
    );
  }
}

/** By the machine's clock, which node-cron reads. */
export function scheduled(expression: string, run: () => void): Schedule {
  const times = createTask(expression, () => undefined);
  return new Schedule({
    run,
    now: () => {
      const now = new Date();
      return now.getTime();
    },
    next: () => times.getNextRuns(1)[0]!.getTime(),
    wait(then, ms) {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
  });
}
