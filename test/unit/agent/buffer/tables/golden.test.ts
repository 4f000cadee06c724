import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import Sqlite, { type Database } from 'better-sqlite3';
import t from 'tap';
import { SCHEMA_VERSION } from '../../../../../agent/buffer/tables/schema.ts';
import { epoch } from '../../../../../shared/ids.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

// Files like these lie on tills: whatever changes here needs a new schema version, and an upgrade for the files that
// are there. docs/formats/buffer-schema.md describes them.

const EPOCH = epoch('9f3c0000000000a1');
const GOLDEN = new URL('../../../../golden/buffer-schema-2.sql', import.meta.url);

/** Statements without comments, in the order of their creation; layout makes no difference. */
const normalized = (sql: string): string[] =>
  sql
    .replaceAll(/--.*$/gm, '')
    .split(';')
    .map((statement) =>
      statement
        .replaceAll(/\s+/g, ' ')
        .replaceAll(/\( | \)/g, (found) => found.trim())
        .trim(),
    )
    .filter((statement) => statement !== '');

const schemaOf = (db: Database): string[] =>
  normalized(
    db
      .prepare<[], string>("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
      .pluck()
      .all()
      .join(';'),
  );

/** Rows as arrays of their columns; blobs as hex. */
const rowsOf = (db: Database, table: string): unknown[][] =>
  (db.prepare(`SELECT * FROM ${table}`).raw().all() as unknown[][]).map((row) =>
    row.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)),
  );

t.test('a fresh buffer has these tables, and rows like these', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  const buffer = scratch.open({ randomBytes: () => Buffer.from(EPOCH, 'hex') });
  await buffer.greeted({ storeGen: 'gen-1', trueTimeOrigin: NOW, uncertaintyMs: 1 });
  const given = { ts: '2026-11-22T09:30:00+05:30', dims: { method: 'upi' } };
  await buffer.accept([parsed(sale('R-1', given)), parsed({ type: 'void' }), parsed(sale('R-1'))]);
  scratch.clock += 1_000;
  await buffer.settle([
    { kind: 'stored', epoch: EPOCH, firstSeq: 1, lastSeq: 1 },
    { kind: 'quarantined', epoch: EPOCH, firstSeq: 2, lastSeq: 2, reason: 'odd' },
  ]);
  buffer.close();

  const db = new Sqlite(scratch.path, { readonly: true });
  t.teardown(() => db.close());
  t.equal(SCHEMA_VERSION, 2);
  t.equal(db.pragma('user_version', { simple: true }), 2);
  t.equal(db.pragma('page_size', { simple: true }), 4_096);
  t.strictSame(schemaOf(db), normalized(readFileSync(GOLDEN, 'utf8')));

  t.strictSame(rowsOf(db, 'meta'), [
    ['merchant', 'acme'],
    ['owner_sum', '12a65081'],
    ['store_gen', 'gen-1'],
    ['terminal', 'till-1'],
    ['true_time', `{"boot":"boot-1","origin":0,"at":${NOW},"toleranceMs":10000}`],
  ]);
  t.strictSame(rowsOf(db, 'counters'), [['ref_conflicts', 1]]);
  t.strictSame(rowsOf(db, 'epochs'), [[1, EPOCH, 0, NOW, null]]);
  const [acked, quarantined, pending] = [
    '9ba473616c65cb427a201692e00000cd014a00cd0513a3455552a3522d31c092a66d6574686f64a375706993a24131cd07d0cd01f4c0',
    '9ba4766f6964cb427a202c080a00000002c0c0c0c09090c0',
    '9ba473616c65cb427a202c080a00000002cd0513a3455552a3522d31c09093a24131cd07d0cd01f4c0',
  ];
  t.strictSame(rowsOf(db, 'events'), [
    [1, EPOCH, 1, 498_700, 1, NOW + 1_000, null, 698_952_957, acked],
    [2, EPOCH, 2, 498_706, 2, NOW + 1_000, 'odd', 2_254_144_281, quarantined],
    [3, EPOCH, 3, 498_706, 0, NOW, null, 2_173_269_872, pending],
  ]);
  t.strictSame(rowsOf(db, 'refs'), [
    [1, 'sale', 'R-1', 'fcbfd1f22a9f71983f4d12b533792ccf', EPOCH, 1, NOW],
    [3, 'sale', 'R-1', 'da580663169fbe3d0cf50fdded90a187', EPOCH, 3, NOW],
  ]);
  t.strictSame(rowsOf(db, 'losses'), [[1, EPOCH, 2, 1, 498_706, 'quarantined', NOW + 1_000, 'odd', 0, 300_095_913]]);
  for (const table of ['gone', 'clocks', 'aside']) t.strictSame(rowsOf(db, table), [], table);
});
