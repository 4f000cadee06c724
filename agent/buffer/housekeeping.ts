/** Lets what is kept no longer go, in small slices between which events are accepted. */

const EVERY_MS = 60_000;
const BETWEEN_SLICES_MS = 25;

export interface Housekeeping {
  /** Deletes a slice. @returns whether there may be more */
  readonly expire: () => boolean;
  /** Told of faults; the next time it tries again. */
  readonly failed: (error: unknown) => void;
  /** A timer. @returns cancels it */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** @returns ends it */
export function startHousekeeping({ expire, failed, after }: Housekeeping): () => void {
  const slice = (): void => {
    let more = false;
    try {
      more = expire();
    } catch (error) {
      failed(error);
    }
    cancel = after(more ? BETWEEN_SLICES_MS : EVERY_MS, slice);
  };
  let cancel = after(EVERY_MS, slice);
  return () => cancel();
}
