/**
 * Gathers what many connections send into groups that share a commit, within bounds of memory and time.
 *
 *     offered ──▶ waiting ──▶ in a group under way ──▶ committed | failed
 *        │           │                  │
 *       full       late               late (the commit goes on; its outcome no longer matters)
 *
 * Invariants:
 * - An entry has exactly one outcome, and `committed` only after its group's commit resolved.
 * - At most `maxGroups` groups are under way; each holds at most `maxRows` entries and `maxBytes` bytes (one entry at least).
 * - The bytes of all entries that this object or a commit under way still refers to are at most `maxHeldBytes`.
 * - Given `expire` is called, no entry waits longer than `maxWaitMs` for its outcome plus the time between two calls.
 */

export type Outcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'failed'; readonly cause: Error }
  /** No room: not taken at all. */
  | { readonly kind: 'full' }
  /** No outcome in time: it may have been committed, or may yet be. */
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

/** What an entry takes beside its bytes, roughly. */
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

  /** Bytes of all entries that are waiting or under way. */
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

  /** Gives up on what has had no outcome for too long. To be called now and then. */
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

  /** After this turn of the event loop, so that what other sockets bring in it shares the commit. */
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
