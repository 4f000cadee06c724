/**
 * Checks that the dedup index (table `refs`) can be read. The events are whole without it, but a
 * retry of one would be stored, and counted, a second time.
 */
import type { Database } from 'better-sqlite3';

const AT_ONCE = 2_000;

interface Ref {
  id: number;
  type: string;
  ref: string;
}

/**
 * Reads the table and its index, in short reads with a yield between them. A read that is not full
 * is the last one, so the check ends also while events are accepted.
 *
 * @throws what SQLite throws at a damaged page
 */
export function* checkDedupIndex(db: Database): Generator<void, void> {
  const rows = db.prepare<[number, number], { id: number }>(
    'SELECT id FROM refs NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?',
  );
  for (let page = rows.all(0, AT_ONCE); page.length === AT_ONCE; page = rows.all(page.at(-1)!.id, AT_ONCE)) yield;
  yield;
  const entries = db.prepare<[string, string, number, number], Ref>(
    'SELECT id, type, ref FROM refs INDEXED BY refs_by_ref WHERE (type, ref, id) > (?, ?, ?) ORDER BY type, ref, id LIMIT ?',
  );
  for (let page = entries.all('', '', 0, AT_ONCE); page.length === AT_ONCE; ) {
    yield;
    const { type, ref, id } = page.at(-1)!;
    page = entries.all(type, ref, id, AT_ONCE);
  }
}

/** @returns problems, as messages */
export function dedupIndexProblems(db: Database): string[] {
  try {
    for (const _ of checkDedupIndex(db));
    return [];
  } catch (error) {
    return [`the dedup index (refs) cannot be read: ${(error as Error).message}`];
  }
}
