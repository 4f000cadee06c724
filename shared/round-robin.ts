/** A queue with a line for each owner: owners are served in turn, however long their lines are. */
export class RoundRobin<T> {
  /** In the order of service. No line is empty. */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  waiting(owner: string): number {
    return this.#lines.get(owner)?.length ?? 0;
  }

  push(owner: string, item: T): void {
    const line = this.#lines.get(owner);
    if (line === undefined) this.#lines.set(owner, [item]);
    else line.push(item);
    this.#size++;
  }

  /** The first item of the first owner that may have one; undefined: there is none. */
  shift(may: (owner: string) => boolean = () => true): T | undefined {
    for (const [owner, line] of this.#lines) {
      if (!may(owner)) continue;
      const item = line.shift();
      this.#lines.delete(owner);
      if (line.length > 0) this.#lines.set(owner, line);
      this.#size--;
      return item;
    }
    return undefined;
  }

  /** Takes the newest item of the owner who has most; undefined: there is none. */
  pop(): T | undefined {
    let most: [owner: string, line: T[]] | undefined;
    for (const entry of this.#lines) if (entry[1].length > (most?.[1].length ?? 0)) most = entry;
    if (most === undefined) return undefined;
    const [owner, line] = most;
    const item = line.pop();
    if (line.length === 0) this.#lines.delete(owner);
    this.#size--;
    return item;
  }

  /** An item that is not there is fine. */
  remove(owner: string, item: T): void {
    const line = this.#lines.get(owner);
    const at = line?.indexOf(item) ?? -1;
    if (line === undefined || at < 0) return;
    line.splice(at, 1);
    this.#size--;
    if (line.length === 0) this.#lines.delete(owner);
  }
}
