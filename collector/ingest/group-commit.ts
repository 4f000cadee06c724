/**
 * Group commit: gathers the items of many connections into groups that share a commit, within
 * bounds of size and time.
 *
 *     offered: waiting ──▶ in a running group ──▶ committed | failed
 *                 │               │
 *               late            late (the commit continues; its outcome is ignored)
 *
 * Invariants:
 * - A group takes next whose sender has had the fewest bytes written (`admission/fair-queue.ts`).
 * - An entry has exactly one outcome, and `committed` only after its group's commit resolved.
 * - At most `maxGroups` groups are running; each holds at most `maxRows` entries and `maxBytes`
 *   bytes (but at least one entry).
 * - Late entries stay in memory only while a running group holds them. Whoever offers bounds the
 *   others (`admission/room.ts`).
 * - Given `expire` is called, no entry waits longer for its outcome than `maxWaitMs` plus the time
 *   between two calls.
 */
import { FairQueue, type Payer } from './admission/fair-queue.ts';
import { ROW_BYTES } from './limits.ts';

export type Outcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'failed'; readonly cause: Error }
  /** No outcome in time: it may have been committed, or may still be. */
  | { readonly kind: 'late' };

export interface GroupLimits {
  readonly maxGroups: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  /** How long the store may take to answer a group before it counts as silent. */
  readonly maxSilentMs: number;
  /** How long a group waits for more entries while more are coming. */
  readonly gatherMs: number;
}

interface Group<T> {
  readonly entries: readonly Entry<T>[];
  /** Monotonic milliseconds. */
  readonly since: number;
}

interface Entry<T> {
  readonly payer: Payer;
  readonly item: T;
  readonly bytes: number;
  /** When it was offered, and when it will be late, monotonic milliseconds. */
  readonly since: number;
  readonly lateAt: number;
  /** Null once it has its outcome. */
  settle: ((outcome: Outcome) => void) | null;
}

const COMMITTED: Outcome = { kind: 'committed' };
const LATE: Outcome = { kind: 'late' };

export class GroupCommit<T> {
  readonly #commit: (items: readonly T[]) => Promise<void>;
  readonly #limits: GroupLimits;
  readonly #clock: () => number;
  readonly #moreComing: () => boolean;
  /** In the order of their arrival, and in the order in which they are taken. */
  readonly #waiting = new Set<Entry<T>>();
  #queue = new FairQueue<Entry<T>>();
  /** In the order of their start. */
  readonly #groups = new Set<Group<T>>();
  #starting = false;
  /** When the store answered last, monotonic milliseconds. */
  #answeredAt = Number.NEGATIVE_INFINITY;

  /**
   * @param clock monotonic milliseconds
   * @param moreComing whether more entries are about to be offered
   */
  constructor(
    commit: (items: readonly T[]) => Promise<void>,
    limits: GroupLimits,
    clock: () => number,
    moreComing: () => boolean = () => false,
  ) {
    this.#commit = commit;
    this.#limits = limits;
    this.#clock = clock;
    this.#moreComing = moreComing;
  }

  /**
   * Never rejects.
   *
   * @param waitedMs how long the item has waited elsewhere: counts as part of `maxWaitMs`
   */
  offer(payer: Payer, item: T, bytes: number, waitedMs = 0): Promise<Outcome> {
    return new Promise((settle) => {
      const since = this.#clock();
      const lateAt = since + this.#limits.maxWaitMs - waitedMs;
      const entry = { payer, item, bytes, since, lateAt, settle };
      this.#waiting.add(entry);
      this.#queue.push(payer, entry);
      this.#startSoon();
    });
  }

  /**
   * Milliseconds since the store answered, or was asked, if these are too many and no further group
   * may be asked; else null.
   */
  get silentMs(): number | null {
    const { maxGroups, maxSilentMs } = this.#limits;
    const [oldest] = this.#groups;
    if (oldest === undefined || this.#groups.size < maxGroups) return null;
    const silent = this.#clock() - Math.max(oldest.since, this.#answeredAt);
    return silent > maxSilentMs ? silent : null;
  }

  /** Settles entries without an outcome for too long as late. Call it regularly. */
  expire(): void {
    const now = this.#clock();
    const isLate = ({ lateAt }: Entry<T>): boolean => lateAt <= now;
    const late = [...this.#waiting].filter(isLate);
    if (late.length > 0) this.#drop(late);
    for (const { entries } of this.#groups) late.push(...entries.filter(isLate));
    for (const entry of late) settle(entry, LATE);
  }

  /** Entries that wait no longer. */
  #drop(entries: readonly Entry<T>[]): void {
    for (const entry of entries) this.#waiting.delete(entry);
    this.#queue = new FairQueue();
    for (const entry of this.#waiting) this.#queue.push(entry.payer, entry);
  }

  /**
   * Starts after this turn of the event loop, or later while more entries are coming, so that they
   * share the commit.
   */
  #startSoon(): void {
    if (this.#starting || this.#groups.size >= this.#limits.maxGroups) return;
    this.#starting = true;
    setImmediate(() => {
      this.#starting = false;
      if (this.#isGathering()) {
        this.#startSoon();
        return;
      }
      while (this.#waiting.size > 0 && this.#groups.size < this.#limits.maxGroups) void this.#run(this.#take());
    });
  }

  #isGathering(): boolean {
    const { maxRows, gatherMs } = this.#limits;
    const [oldest] = this.#waiting;
    if (oldest === undefined || this.#waiting.size >= maxRows || !this.#moreComing()) return false;
    return this.#clock() - oldest.since < gatherMs;
  }

  #take(): Entry<T>[] {
    const { maxRows, maxBytes } = this.#limits;
    const group: Entry<T>[] = [];
    let bytes = 0;
    for (let next = this.#queue.next; next !== undefined; next = this.#queue.next) {
      if (group.length > 0 && (group.length >= maxRows || bytes + next.bytes > maxBytes)) break;
      bytes += next.bytes;
      this.#queue.serveNext((entry) => {
        group.push(entry);
        this.#waiting.delete(entry);
        return entry.bytes + ROW_BYTES;
      });
    }
    return group;
  }

  async #run(entries: readonly Entry<T>[]): Promise<void> {
    const group = { entries, since: this.#clock() };
    this.#groups.add(group);
    let outcome = COMMITTED;
    try {
      await this.#commit(entries.map(({ item }) => item));
    } catch (error) {
      outcome = { kind: 'failed', cause: error as Error };
    }
    this.#groups.delete(group);
    this.#answeredAt = this.#clock();
    for (const entry of entries) settle(entry, outcome);
    if (this.#waiting.size > 0) this.#startSoon();
  }
}

function settle<T>(entry: Entry<T>, outcome: Outcome): void {
  entry.settle?.(outcome);
  entry.settle = null;
}
