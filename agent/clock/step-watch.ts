/** Checks the wall clock for steps every second, for an agent whose clock is otherwise not read. */

const EVERY_MS = 1_000;

/** @param after sets a monotonic timer and returns its cancel function @returns stops the watch */
export function startStepWatch(
  clock: { detectStep(): void },
  after: (ms: number, run: () => void) => () => void,
): () => void {
  const poll = (): void => {
    clock.detectStep();
    cancel = after(EVERY_MS, poll);
  };
  let cancel = after(EVERY_MS, poll);
  return () => cancel();
}
