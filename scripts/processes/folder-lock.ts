/** An exclusive lock on a folder. */
import path from 'node:path';
import Database from 'better-sqlite3';

/**
 * A folder lock held until disposed or until the process ends: the operating system holds it, so no
 * stale lock can remain.
 */
export class FolderLock {
  readonly #database: Database.Database;

  private constructor(database: Database.Database) {
    this.#database = database;
  }

  /** @returns null when another process holds the lock */
  static take(folder: string): FolderLock | null {
    const database = new Database(path.join(folder, 'lock.db'), { timeout: 0 });
    try {
      database.pragma('locking_mode = EXCLUSIVE');
      database.exec('BEGIN EXCLUSIVE');
      return new FolderLock(database);
    } catch (error) {
      database.close();
      if ((error as { code?: string }).code === 'SQLITE_BUSY') return null;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
