/**
 * Runs large requests one after the other: the events of one, with what is needed to store them,
 * take 100 MB.
 */

const LARGE_BYTES = 256 * 1024;

export class LargeRequestQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** @param bytes size of the request body; small ones do not wait */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_BYTES) return work();
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}
