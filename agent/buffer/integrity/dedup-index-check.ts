/** Whether what repeats are known by can be read: the events are whole without it, but a repeat would count twice. */
import type { Database } from 'better-sqlite3';

const AT_ONCE = 2_000;

interface Ref {
  id: number;
  type: string;
  ref: string;
}

/** Reads through the table and its index; yields after each short read. @throws what SQLite throws at a damaged page */
export function* checkDedupIndex(db: Database): Generator<void, void> {
  const rows = db.prepare<[number, number], { id: number }>(
    'SELECT id FROM refs NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?',
  );
  for (let page = rows.all(0, AT_ONCE); page.length > 0; page = rows.all(page.at(-1)!.id, AT_ONCE)) yield;
  const entries = db.prepare<[string, string, number, number], Ref>(
    'SELECT id, type, ref FROM refs INDEXED BY refs_by_ref WHERE (type, ref, id) > (?, ?, ?) ORDER BY type, ref, id LIMIT ?',
  );
  for (let page = entries.all('', '', 0, AT_ONCE); page.length > 0; ) {
    yield;
    const { type, ref, id } = page.at(-1)!;
    page = entries.all(type, ref, id, AT_ONCE);
  }
}

/** @returns what is wrong, in words */
export function dedupIndexProblems(db: Database): string[] {
  try {
    for (const _ of checkDedupIndex(db));
    return [];
  } catch (error) {
    return [`refs, by which repeats are known, cannot be read: ${(error as Error).message}`];
  }
}
