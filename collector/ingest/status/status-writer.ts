/**
 * Write-behind cache for the tills' statuses. Nothing waits for a write: a newer status replaces an
 * older one that is not written yet, and a status that finds no room is dropped, since the next one
 * repeats it.
 *
 * Invariants:
 * - At most `maxWaiting` epochs are held; of a terminal, those of its last status; of a merchant,
 *   as many as are left to all others.
 * - At most one write of at most `maxRows` (but one whole status) is running.
 * - A terminal's rows and new epochs keep to `ClaimLimits`: what exceeds the rows waits, new epochs
 *   beyond their rate are left out. Only what was written counts.
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { TerminalStatus, Terminals } from '../../store/terminals.ts';
import { MerchantShares } from '../admission/merchant-shares.ts';
import { type ClaimLimits, EpochBook } from './epoch-book.ts';

export interface StatusMetrics {
  /**
   * Status records of epochs: written; in no status; without room; of new epochs beyond the rate;
   * deleted because newer ones are too many.
   */
  statuses(outcome: 'kept' | 'unreadable' | 'dropped' | 'refused' | 'forgotten', count: number): void;
}

export interface StatusWriterOptions extends ClaimLimits {
  readonly terminals: Pick<Terminals, 'putStatuses' | 'epochsOf' | 'forgetEpochs'>;
  readonly maxWaiting: number;
  readonly maxRows: number;
  /** Terminals whose claims are remembered; the one that spoke longest ago is forgotten first. */
  readonly maxBooks: number;
  /** Epochs that are remembered over all of them. */
  readonly maxKnown: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly metrics: StatusMetrics;
  /** Called with each status that is durable. */
  readonly onKept: (status: TerminalStatus) => void;
}

interface Waiting {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epochs: readonly TerminalStatus[];
}

/** Of a terminal's status what is to be written, and how many new epochs are left out. */
interface Gathered {
  readonly status: Waiting;
  readonly rows: readonly TerminalStatus[];
  readonly fresh: number;
  readonly refused: number;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** By terminal, longest waiting first. */
  readonly #waiting = new Map<string, Waiting>();
  /** A place an epoch. */
  readonly #places: MerchantShares;
  /** By terminal; the one that spoke longest ago first. */
  readonly #books = new Map<string, EpochBook>();
  #known = 0;
  #writing: Promise<void> | null = null;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#places = new MerchantShares(options.maxWaiting);
  }

  /** Epochs whose status is not written. */
  get waiting(): number {
    return this.#places.taken;
  }

  /** @param epochs of one status message */
  enqueue(merchant: MerchantId, terminal: TerminalId, epochs: readonly TerminalStatus[]): void {
    const name = nameOf({ merchant, terminal });
    if (epochs.length === 0) return;
    const before = this.#waiting.get(name)?.epochs.length ?? 0;
    if (!this.#places.take(merchant, epochs.length - before)) {
      this.#options.metrics.statuses('dropped', epochs.length);
      return;
    }
    this.#waiting.set(name, { merchant, terminal, epochs });
  }

  /**
   * Writes the waiting statuses that may be written now; those that fail wait again, unless a newer
   * one has come meanwhile. Joins a running write.
   */
  flush(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    const ready = [...this.#waiting.keys()];
    while (ready.length > 0 && (await this.#writeSome(ready)));
  }

  /** @returns false when the store did not accept them */
  async #writeSome(ready: string[]): Promise<boolean> {
    const taken: Waiting[] = [];
    const write: Gathered[] = [];
    try {
      for (let rows = 0; ready.length > 0 && rows < this.#options.maxRows; ) {
        const status = this.#take(ready.shift()!);
        if (status === null) continue;
        taken.push(status);
        const gathered = await this.#gather(status);
        write.push(gathered);
        rows += gathered.rows.length;
      }
      const rows = write.flatMap(({ rows }) => rows);
      if (rows.length > 0) await this.#options.terminals.putStatuses(rows);
    } catch {
      for (const waiting of taken)
        if (!this.#waiting.has(nameOf(waiting))) this.enqueue(waiting.merchant, waiting.terminal, waiting.epochs);
      return false;
    }
    for (const gathered of write) this.#written(gathered);
    try {
      for (const { status } of write) await this.#forgetSurplus(status);
    } catch {
      // They are surplus at the next write, too.
      return false;
    }
    return true;
  }

  /** Takes a terminal's status out of those that wait; null while it has to wait. */
  #take(name: string): Waiting | null {
    const status = this.#waiting.get(name);
    if (status === undefined) return null;
    if (this.#bookOf(name).rows.available < status.epochs.length) return null;
    this.#waiting.delete(name);
    this.#places.release(status.merchant, status.epochs.length);
    return status;
  }

  async #gather(status: Waiting): Promise<Gathered> {
    const { terminals, maxEpochs } = this.#options;
    const book = this.#bookOf(nameOf(status));
    const isNew = ({ epoch }: TerminalStatus): boolean => !book.knows(epoch);
    if (book.mustRead(status.epochs.filter(isNew).length)) {
      const limit = 4 * maxEpochs;
      const stored = await terminals.epochsOf(status.merchant, status.terminal, limit);
      this.#change(book, () => book.read(stored, stored.length < limit));
    }
    const allowed = book.newEpochs.available;
    const fresh = status.epochs.filter(isNew);
    // The newest come last in a status.
    const left = new Set<Epoch>(fresh.slice(0, Math.max(0, fresh.length - allowed)).map(({ epoch }) => epoch));
    const rows = status.epochs.filter(({ epoch }) => !left.has(epoch));
    return { status, rows, fresh: fresh.length - left.size, refused: left.size };
  }

  /** Counts what the store has accepted. */
  #written({ status, rows, fresh, refused }: Gathered): void {
    const book = this.#bookOf(nameOf(status));
    book.newEpochs.take(fresh);
    book.rows.take(rows.length);
    this.#change(book, () => {
      for (const row of rows) book.seen(row);
    });
    for (const row of rows) this.#options.onKept(row);
    this.#options.metrics.statuses('kept', rows.length);
    if (refused > 0) this.#options.metrics.statuses('refused', refused);
  }

  async #forgetSurplus({ merchant, terminal }: Waiting): Promise<void> {
    const book = this.#books.get(nameOf({ merchant, terminal }));
    if (book === undefined) return;
    const surplus = book.surplus();
    if (surplus.length === 0) return;
    await this.#options.terminals.forgetEpochs(merchant, terminal, surplus);
    this.#change(book, () => book.forget(surplus));
    this.#options.metrics.statuses('forgotten', surplus.length);
  }

  #bookOf(name: string): EpochBook {
    const book = this.#books.get(name) ?? new EpochBook(this.#options, this.#options.clock);
    this.#books.delete(name);
    this.#books.set(name, book);
    return book;
  }

  /** Changes a book, and keeps the memory of all within its bounds. */
  #change<T>(book: EpochBook, change: () => T): T {
    const before = book.size;
    const result = change();
    this.#known += book.size - before;
    for (const [name, oldest] of this.#books) {
      const { maxBooks, maxKnown } = this.#options;
      if ((this.#books.size <= maxBooks && this.#known <= maxKnown) || oldest === book) break;
      this.#books.delete(name);
      this.#known -= oldest.size;
    }
    return result;
  }
}

const nameOf = ({ merchant, terminal }: Pick<Waiting, 'merchant' | 'terminal'>): string => `${merchant}/${terminal}`;
