/**
 * Schedules expiry, in small slices between which events are accepted, and the check for writes of
 * other processes.
 */
const EVERY_MS = 60_000;
const BETWEEN_SLICES_MS = 25;
const NOTICE_EVERY_MS = 5_000;

export interface Housekeeping {
  /** Deletes a slice. @returns whether there may be more */
  readonly expire: () => boolean;
  /** Loads what another process wrote. */
  readonly notice: () => void;
  /** Gets faults; the next run tries again. */
  readonly failed: (error: unknown) => void;
  /** A timer. @returns cancels it */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** @returns ends it */
export function startHousekeeping({ expire, notice, failed, after }: Housekeeping): () => void {
  const every = (work: () => number, first: number): (() => void) => {
    const run = (): void => {
      cancel = after(work(), run);
    };
    let cancel = after(first, run);
    return () => cancel();
  };
  const attempt = (work: () => boolean): boolean => {
    try {
      return work();
    } catch (error) {
      failed(error);
      return false;
    }
  };
  const endExpiry = every(() => (attempt(expire) ? BETWEEN_SLICES_MS : EVERY_MS), EVERY_MS);
  const endNotices = every(() => {
    attempt(() => {
      notice();
      return true;
    });
    return NOTICE_EVERY_MS;
  }, NOTICE_EVERY_MS);
  return () => {
    endExpiry();
    endNotices();
  };
}
