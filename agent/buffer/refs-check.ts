/** Whether what repeats are known by can be read: the events are whole without it, but a repeat would count twice. */
import type { Database } from 'better-sqlite3';

const AT_ONCE = 2_000;

/**
 * Reads through the table and its index, a short read at a time.
 *
 * @returns what is wrong, in words
 */
export function refsProblems(db: Database): string[] {
  try {
    const rows = db.prepare<[number, number], { id: number }>(
      'SELECT id FROM refs NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?',
    );
    for (let page = rows.all(0, AT_ONCE); page.length > 0; ) page = rows.all(page.at(-1)!.id, AT_ONCE);
    db.prepare('SELECT count(*) FROM refs INDEXED BY refs_by_ref').get();
    return [];
  } catch (error) {
    return [`refs, by which repeats are known, cannot be read: ${(error as Error).message}`];
  }
}
