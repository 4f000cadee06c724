/** Lets what is kept no longer go, in small slices between which events are accepted. */

const EVERY_MS = 60_000;
const BETWEEN_SLICES_MS = 25;

/**
 * @param expire deletes a slice; returns whether there may be more
 * @param failed told of faults; it tries again at the next time
 * @returns ends it
 */
export function startHousekeeping(expire: () => boolean, failed: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout;
  const slice = (): void => {
    let more = false;
    try {
      more = expire();
    } catch (error) {
      failed(error);
    }
    timer = setTimeout(slice, more ? BETWEEN_SLICES_MS : EVERY_MS);
  };
  timer = setTimeout(slice, EVERY_MS);
  return () => clearTimeout(timer);
}
