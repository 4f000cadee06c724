/** Looks at the wall clock each second, for an agent that nobody asks for the time. */

const EVERY_MS = 1_000;

/** @param after a monotonic timer; returns what cancels it @returns ends it */
export function startStepWatch(
  clock: { detectStep(): void },
  after: (ms: number, run: () => void) => () => void,
): () => void {
  const look = (): void => {
    clock.detectStep();
    cancel = after(EVERY_MS, look);
  };
  let cancel = after(EVERY_MS, look);
  return () => cancel();
}
