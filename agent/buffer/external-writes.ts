/**
 * Notices that another connection has written to the file: support's `requeue` does, beside a running agent. Memory is then loaded anew.
 *
 * `PRAGMA data_version` changes with each commit of another connection, and costs a look at shared memory.
 */
import type { Database, Statement } from 'better-sqlite3';

export class ExternalWriteDetector {
  readonly #version: Statement<[], number>;
  #seen: number;

  constructor(db: Database) {
    this.#version = db.prepare<[], number>('PRAGMA data_version').pluck();
    this.#seen = this.#version.get()!;
  }

  /** Whether another connection has written since `see`. @throws on a fault of the disk */
  get changed(): boolean {
    return this.#version.get()! !== this.#seen;
  }

  /** What is loaded now is what they wrote. */
  acknowledge(): void {
    this.#seen = this.#version.get()!;
  }
}
