/**
 * Cooperative tasks: generators that yield where the event loop may have a turn, and return a
 * result.
 */
export type Cooperative<T> = Generator<void, T, void>;

/** How long a slice may hold the event loop. */
const SLICE_MS = 10;

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
export async function runCooperatively<T>(task: Cooperative<T>): Promise<T> {
  for (;;) {
    const done = runSlice(task);
    if (done !== null) return done.result;
    await new Promise<void>((resume) => {
      setImmediate(resume);
    });
  }
}
