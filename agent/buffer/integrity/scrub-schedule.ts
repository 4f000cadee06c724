/** Looks through the buffer's file soon after it was opened and once a day, in slices with pauses between them: nobody waits for it. */

const FIRST_MS = 10_000;
const BETWEEN_SLICES_MS = 50;
const EVERY_MS = 24 * 60 * 60 * 1000;

export interface ScrubSchedule {
  /** Looks at a slice. @returns whether the pass goes on */
  readonly check: () => boolean;
  /** Told of faults; the next day it tries again. */
  readonly failed: (error: unknown) => void;
  /** A timer. @returns cancels it */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** @returns ends it */
export function startScrubbing({ check, failed, after }: ScrubSchedule): () => void {
  const slice = (): void => {
    let more = false;
    try {
      more = check();
    } catch (error) {
      failed(error);
    }
    cancel = after(more ? BETWEEN_SLICES_MS : EVERY_MS, slice);
  };
  let cancel = after(FIRST_MS, slice);
  return () => cancel();
}
