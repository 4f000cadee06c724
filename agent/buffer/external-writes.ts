/**
 * Detects that another connection has written to the file, as `requeue` does beside a running
 * agent.
 *
 * `PRAGMA data_version` changes with each commit of another connection; it costs one read of shared
 * memory.
 */
import type { Database, Statement } from 'better-sqlite3';

export class ExternalWriteDetector {
  readonly #version: Statement<[], number>;
  #seen: number;

  constructor(db: Database) {
    this.#version = db.prepare<[], number>('PRAGMA data_version').pluck();
    this.#seen = this.#version.get()!;
  }

  /**
   * Whether another connection has written since the last `acknowledge`.
   * @throws on a fault of the disk
   */
  get changed(): boolean {
    return this.#version.get()! !== this.#seen;
  }

  /** What they wrote is loaded. */
  acknowledge(): void {
    this.#seen = this.#version.get()!;
  }
}
