import path from 'node:path';
import Database from 'better-sqlite3';

/** Held until disposed, or until the process ends in whatever way: the operating system keeps it, no stale file can. */
export class FolderLock {
  readonly #database: Database.Database;

  private constructor(database: Database.Database) {
    this.#database = database;
  }

  /** @returns null when another process holds the folder */
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
