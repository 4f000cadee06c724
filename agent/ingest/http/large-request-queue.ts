/** Large requests are worked on one after the other: the events of one, with what is made of them to store them, take a hundred megabytes. */

const LARGE_BYTES = 256 * 1024;

export class LargeRequestQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** @param bytes of the request's body; a small one waits for nobody */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_BYTES) return work();
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}
