/** Checks that the open files are still those at their paths: SQLite would not notice. */
import { statSync } from 'node:fs';
import { FileMovedError } from './classify-error.ts';

function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}/${found.ino}`;
}

export class FileIdentity {
  readonly #path: string;
  readonly #database: string | null;
  /** The WAL appears with the first write, and stays. */
  #wal: string | null = null;

  /** @param path of a database that was just opened */
  constructor(path: string) {
    this.#path = path;
    this.#database = identityOf(path);
  }

  get isDatabaseInPlace(): boolean {
    return identityOf(this.#path) === this.#database;
  }

  /** @throws FileMovedError when the database or its WAL was removed or replaced */
  assert(): void {
    if (!this.isDatabaseInPlace) throw new FileMovedError(`${this.#path} was removed or replaced`);
    const wal = identityOf(`${this.#path}-wal`);
    this.#wal ??= wal;
    if (wal !== this.#wal) throw new FileMovedError(`${this.#path}-wal was removed or replaced`);
  }
}
