/**
 * A bounded queue between the reader of the file and one terminal: `push` waits while it is full.
 */
export class Queue<T> {
  readonly #limit: number;
  #items: T[] = [];
  #ended = false;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  async push(item: T): Promise<void> {
    while (this.#items.length >= this.#limit && !this.#closed) await this.#changed.promise;
    this.#items.push(item);
    this.#notify();
  }

  /** No more items will be pushed. */
  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** No more items will be taken: waiting pushes resolve. */
  close(): void {
    this.#closed = true;
    this.#notify();
  }

  /** The first item, without removing it; null once the queue has ended and is empty. */
  async first(): Promise<T | null> {
    while (this.#items.length === 0) {
      if (this.#ended) return null;
      await this.#changed.promise;
    }
    return this.#items[0]!;
  }

  /** Removes up to `limit` items at the front for which `wanted` holds. */
  take(limit: number, wanted: (item: T) => boolean): T[] {
    let count = 0;
    while (count < Math.min(limit, this.#items.length) && wanted(this.#items[count]!)) count++;
    const taken = this.#items.slice(0, count);
    this.#items = this.#items.slice(count);
    if (count > 0) this.#notify();
    return taken;
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
