/**
 * Cooperative tasks: generators that yield where the event loop may have a turn, and return a
 * result.
 */
export type Cooperative<T> = Generator<void, T, void>;

/** How long a slice may hold the event loop. */
const SLICE_MS = 5;

/** Tasks that wait for their next slice, first come first served. */
const waiting: (() => void)[] = [];

function resumeOne(): void {
  waiting.shift()!();
  if (waiting.length > 0) setImmediate(resumeOne);
}

/**
 * Waits for a slice. There is one slice between two polls of the event loop, however many tasks
 * wait.
 */
function nextSlice(): Promise<void> {
  return new Promise<void>((resume) => {
    if (waiting.push(resume) === 1) setImmediate(resumeOne);
  });
}

/**
 * Runs one slice.
 *
 * @returns the result, or null when there is more to do
 */
export function runSlice<T>(task: Cooperative<T>): { readonly result: T } | null {
  const until = performance.now() + SLICE_MS;
  for (;;) {
    const { done, value } = task.next();
    if (done) return { result: value };
    if (performance.now() >= until) return null;
  }
}

/** Runs to the end at once. */
export function runToEnd<T>(task: Cooperative<T>): T {
  for (;;) {
    const { done, value } = task.next();
    if (done) return value;
  }
}

/**
 * Runs to the end, with turns of the event loop between slices; without one when a single slice
 * will do.
 */
export const runCooperatively = <T>(task: Cooperative<T>): Promise<T> => new Slices().run(task);

/** The slices of a job of many short tasks: they share one slice as long as it lasts. */
export class Slices {
  #until = performance.now() + SLICE_MS;

  get isUsedUp(): boolean {
    return performance.now() >= this.#until;
  }

  /** Waits for the next slice if this one is used up. */
  async pause(): Promise<void> {
    if (!this.isUsedUp) return;
    await nextSlice();
    this.#until = performance.now() + SLICE_MS;
  }

  async run<T>(task: Cooperative<T>): Promise<T> {
    for (;;) {
      const { done, value } = task.next();
      if (done) return value;
      if (performance.now() >= this.#until) await this.pause();
    }
  }
}

/** Requests the first item at once, not when somebody waits for it. */
export function begun<T>(items: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = items[Symbol.asyncIterator]();
  const first = iterator.next();
  // Whoever reads gets the error; nobody may come to read.
  first.catch(() => undefined);
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (let next = await first; !next.done; next = await iterator.next()) yield next.value;
      } finally {
        await iterator.return?.();
      }
    },
  };
}
