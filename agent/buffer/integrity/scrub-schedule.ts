/** Schedules the scrub: soon after opening, then daily, in slices with pauses between them. */

const FIRST_MS = 10_000;
const BETWEEN_SLICES_MS = 50;
const EVERY_MS = 24 * 60 * 60 * 1000;

export interface ScrubSchedule {
  /** Scrubs a slice. @returns whether the pass goes on */
  readonly check: () => boolean;
  /** Is called with each error; the next try is a day later. */
  readonly failed: (error: unknown) => void;
  /** Sets a timer. @returns a function that cancels it */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** @returns a function that ends it */
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
