/** Whether the files that are open are still those at their paths: SQLite would go on writing to what nobody finds again. */
import { statSync } from 'node:fs';
import { FileMovedError } from './classify-error.ts';

function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}/${found.ino}`;
}

export class FileIdentity {
  readonly #path: string;
  readonly #database: string | null;
  /** The log appears with the first write, and stays. */
  #log: string | null = null;

  /** @param path of a database that was just opened */
  constructor(path: string) {
    this.#path = path;
    this.#database = identityOf(path);
  }

  get isDatabaseInPlace(): boolean {
    return identityOf(this.#path) === this.#database;
  }

  /** @throws FileMovedError when the database or its log was removed or replaced */
  assert(): void {
    if (!this.isDatabaseInPlace) throw new FileMovedError(`${this.#path} was removed or replaced`);
    const log = identityOf(`${this.#path}-wal`);
    this.#log ??= log;
    if (log !== this.#log) throw new FileMovedError(`${this.#path}-wal was removed or replaced`);
  }
}
