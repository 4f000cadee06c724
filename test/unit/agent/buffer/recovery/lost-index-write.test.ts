import Sqlite from 'better-sqlite3';
import t from 'tap';
import { healed, lost, offered } from '../../../../support/agent/crashed-buffer.ts';
import { parsed, sale } from '../../../../support/agent/events.ts';
import { scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

/** Leaves the file as a disk that dropped a write of an index page: the rows are there, unlisted. */
function dropFromIndex(path: string, condition: string): void {
  const db = new Sqlite(path);
  const name = "name = 'pending_by_hour'";
  const sql = db.prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE ${name}`).pluck().get()!;
  const rewrite = (to: string) => {
    db.unsafeMode(true);
    db.pragma('writable_schema = ON');
    db.prepare(`UPDATE sqlite_schema SET sql = ? WHERE ${name}`).run(to);
    db.pragma('writable_schema = RESET');
  };
  rewrite(`${sql} AND ${condition}`);
  db.exec('REINDEX pending_by_hour');
  rewrite(sql);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

const refsOf = (offers: ReturnType<typeof offered>): (string | null)[] =>
  [...offers.values()].map(({ event }) => event.ref).sort();

for (const [what, condition, stored] of [
  ['one in the middle', 'id <> 3', 0],
  ['the first ones', 'id > 4', 0],
  ['the last ones', 'id < 3', 0],
  ['all of them', 'id < 0', 0],
  ['those behind events that were stored', 'id < 0', 2],
] as const) {
  t.test(`pending events that the index lacks are shipped all the same: ${what}`, async (t) => {
    const scratch = scratchBuffer(t.testdir());
    const before = scratch.open();
    const { open: epoch } = before.holdings();
    await before.accept(Array.from({ length: 6 }, (_, at) => parsed(sale(`R-${at + 1}`))));
    if (stored > 0) await before.settle([{ kind: 'stored', epoch, firstSeq: 1, lastSeq: stored }]);
    before.close();
    dropFromIndex(scratch.path, condition);
    const buffer = scratch.open();
    await healed(buffer);
    t.same(refsOf(offered(buffer)), ['R-1', 'R-2', 'R-3', 'R-4', 'R-5', 'R-6'].slice(stored));
    t.same(lost(buffer), []);
    buffer.close();
  });
}
