/**
 * Group commit: gathers the items of many connections into groups that share a commit, within
 * bounds of memory and time.
 *
 *     offered ──▶ waiting ──▶ in a running group ──▶ committed | failed
 *        │           │               │
 *       full       late            late (the commit continues; its outcome is ignored)
 *
 * Invariants:
 * - An entry has exactly one outcome, and `committed` only after its group's commit resolved.
 * - At most `maxGroups` groups are running; each holds at most `maxRows` entries and `maxBytes`
 *   bytes (but at least one entry).
 * - All entries that this object or a running commit still references take at most `maxHeldBytes`.
 * - Given `expire` is called, no entry waits longer for its outcome than `maxWaitMs` plus the time
 *   between two calls.
 */

export type Outcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'failed'; readonly cause: Error }
  /** No room: not accepted at all. */
  | { readonly kind: 'full' }
  /** No outcome in time: it may have been committed, or may still be. */
  | { readonly kind: 'late' };

export interface GroupLimits {
  readonly maxGroups: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly maxHeldBytes: number;
  readonly maxWaitMs: number;
}

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
  /** Monotonic milliseconds. */
  readonly since: number;
  /** Null once it has its outcome. */
  settle: ((outcome: Outcome) => void) | null;
}

/** Approximate overhead of an entry besides its bytes. */
const ENTRY_BYTES = 512;

const COMMITTED: Outcome = { kind: 'committed' };
const FULL: Outcome = { kind: 'full' };
const LATE: Outcome = { kind: 'late' };

export class GroupCommit<T> {
  readonly #commit: (items: readonly T[]) => Promise<void>;
  readonly #limits: GroupLimits;
  readonly #clock: () => number;
  #waiting: Entry<T>[] = [];
  readonly #groups = new Set<readonly Entry<T>[]>();
  #heldBytes = 0;
  #starting = false;

  /** @param clock monotonic milliseconds */
  constructor(commit: (items: readonly T[]) => Promise<void>, limits: GroupLimits, clock: () => number) {
    this.#commit = commit;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Bytes of all waiting and running entries. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#heldBytes + bytes + ENTRY_BYTES <= this.#limits.maxHeldBytes;
  }

  /** Never rejects. */
  offer(item: T, bytes: number): Promise<Outcome> {
    if (!this.hasRoom(bytes)) return Promise.resolve(FULL);
    return new Promise((settle) => {
      this.#heldBytes += bytes + ENTRY_BYTES;
      this.#waiting.push({ item, bytes, since: this.#clock(), settle });
      this.#startSoon();
    });
  }

  /** Settles entries without an outcome for too long as late. Call it regularly. */
  expire(): void {
    const before = this.#clock() - this.#limits.maxWaitMs;
    const fresh = this.#waiting.findIndex(({ since }) => since > before);
    const late = this.#waiting.splice(0, fresh === -1 ? this.#waiting.length : fresh);
    for (const entry of late) {
      this.#heldBytes -= entry.bytes + ENTRY_BYTES;
      settle(entry, LATE);
    }
    for (const group of this.#groups) for (const entry of group) if (entry.since <= before) settle(entry, LATE);
  }

  /**
   * Starts after this turn of the event loop, so that batches of other sockets in the same turn
   * share the commit.
   */
  #startSoon(): void {
    if (this.#starting || this.#groups.size >= this.#limits.maxGroups) return;
    this.#starting = true;
    setImmediate(() => {
      this.#starting = false;
      while (this.#waiting.length > 0 && this.#groups.size < this.#limits.maxGroups) void this.#run(this.#take());
    });
  }

  #take(): Entry<T>[] {
    const { maxRows, maxBytes } = this.#limits;
    let bytes = 0;
    let rows = 0;
    for (const entry of this.#waiting) {
      if (rows > 0 && (rows >= maxRows || bytes + entry.bytes > maxBytes)) break;
      rows++;
      bytes += entry.bytes;
    }
    return this.#waiting.splice(0, rows);
  }

  async #run(group: readonly Entry<T>[]): Promise<void> {
    this.#groups.add(group);
    let outcome = COMMITTED;
    try {
      await this.#commit(group.map(({ item }) => item));
    } catch (error) {
      outcome = { kind: 'failed', cause: error as Error };
    }
    this.#groups.delete(group);
    for (const entry of group) {
      this.#heldBytes -= entry.bytes + ENTRY_BYTES;
      settle(entry, outcome);
    }
    if (this.#waiting.length > 0) this.#startSoon();
  }
}

function settle<T>(entry: Entry<T>, outcome: Outcome): void {
  entry.settle?.(outcome);
  entry.settle = null;
}
