/**
 * Write-behind cache for the tills' statuses. Nothing waits for a write: a newer status replaces an
 * older one that is not written yet, and a status that finds no room is dropped, since the next one
 * repeats it.
 *
 * Invariants: at most `maxWaiting` statuses are held, one per epoch; at most one write of at most
 * `maxRows` is running.
 */
import type { TerminalStatus } from '../store/terminals.ts';
import type { IngestMetrics } from './metrics.ts';

export interface StatusWriterOptions {
  readonly write: (statuses: readonly TerminalStatus[]) => Promise<void>;
  readonly maxWaiting: number;
  readonly maxRows: number;
  readonly metrics: Pick<IngestMetrics, 'statuses'>;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** By epoch, longest waiting first. */
  readonly #waiting = new Map<string, TerminalStatus>();
  #writing: Promise<void> | null = null;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  enqueue(status: TerminalStatus): void {
    const name = nameOf(status);
    if (!this.#waiting.has(name) && this.#waiting.size >= this.#options.maxWaiting) {
      this.#options.metrics.statuses('dropped', 1);
      return;
    }
    this.#waiting.set(name, status);
  }

  /**
   * Writes the waiting statuses; those that fail wait again, unless a newer one has come meanwhile.
   * Joins a running write.
   */
  flush(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0 && (await this.#writeSome()));
  }

  /** @returns false when the store did not accept them */
  async #writeSome(): Promise<boolean> {
    const { write, maxRows, metrics } = this.#options;
    const rows = [...this.#waiting.values()].slice(0, maxRows);
    for (const row of rows) this.#waiting.delete(nameOf(row));
    try {
      await write(rows);
      metrics.statuses('kept', rows.length);
      return true;
    } catch {
      for (const row of rows) if (!this.#waiting.has(nameOf(row))) this.enqueue(row);
      return false;
    }
  }
}

const nameOf = ({ merchant, terminal, epoch }: TerminalStatus): string => `${merchant}/${terminal}/${epoch}`;
