/** Work in pieces: it yields where the event loop may have a turn, and returns its result. */
export type Cooperative<T> = Generator<void, T, void>;

/** How long a piece may hold the event loop. */
const PIECE_MS = 10;

/**
 * Goes on for one piece.
 *
 * @returns the result, or null when there is more to do
 */
export function runSlice<T>(steps: Cooperative<T>): { readonly result: T } | null {
  const until = performance.now() + PIECE_MS;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return { result: value };
    if (performance.now() >= until) return null;
  }
}

/** To the end, at once. */
export function runToEnd<T>(steps: Cooperative<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** To the end, with turns of the event loop in between; at once when one piece will do. */
export async function runCooperatively<T>(steps: Cooperative<T>): Promise<T> {
  for (;;) {
    const done = runSlice(steps);
    if (done !== null) return done.result;
    await new Promise<void>((resume) => {
      setImmediate(resume);
    });
  }
}
