import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import t from 'tap';
import { account } from '../../../../../agent/buffer/integrity/seq-accounting.ts';
import { openReadOnly } from '../../../../../agent/buffer/support/open-read-only.ts';
import { contentHash } from '../../../../../agent/buffer/tables/content-hash.ts';
import { encodeBody, RowChecksum, type State } from '../../../../../agent/buffer/tables/event-row.ts';
import { SCHEMA_VERSION } from '../../../../../agent/buffer/tables/schema.ts';
import { crc32c } from '../../../../../shared/crc32c.ts';
import { epoch } from '../../../../../shared/ids.ts';
import { hourOf } from '../../../../../shared/time.ts';
import { healed, lost, offered } from '../../../../support/agent/crashed-buffer.ts';
import { NOW, parsed, sale } from '../../../../support/agent/events.ts';
import { type Scratch, scratchBuffer } from '../../../../support/agent/temp-buffer.ts';

/** As the first version of the agent created it. */
const SCHEMA_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
  ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch TEXT NOT NULL UNIQUE,
  base INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  last_seq INTEGER -- NULL while the epoch is the open one
) STRICT;
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  state INTEGER NOT NULL, -- 0 pending, 1 acked, 2 quarantined
  at INTEGER NOT NULL, -- when it took that state; always there, so that settling makes no row longer and needs no page in a full file
  reason TEXT, -- of a quarantine
  sum INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX pending_by_hour ON events (hour) WHERE state = 0;
CREATE INDEX acked_by_time ON events (at) WHERE state = 1;
CREATE INDEX quarantined_by_time ON events (at) WHERE state = 2;
CREATE TABLE refs (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  ref TEXT NOT NULL,
  content BLOB NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX refs_by_ref ON refs (type, ref);
`;

const FIRST = epoch('aaaaaaaaaaaaaaaa');
const SECOND = epoch('bbbbbbbbbbbbbbbb');

/** 40 events in two epochs: 1 to 5 of the first expired, 6 to 10 acked, 11 quarantined, the others pending. */
function schema1({ path }: Scratch): void {
  const db = new Sqlite(path);
  db.pragma('journal_mode = WAL');
  db.exec(SCHEMA_1);
  db.pragma('user_version = 1');
  db.exec("INSERT INTO meta VALUES ('merchant', 'acme'), ('terminal', 'till-1'), ('store_gen', 'g')");
  db.exec(
    `INSERT INTO epochs (epoch, base, opened_at, last_seq) VALUES ('${FIRST}', 0, ${NOW}, 20), ('${SECOND}', 20, ${NOW}, NULL)`,
  );
  const checksum = new RowChecksum();
  for (let id = 6; id <= 40; id++) {
    const event = parsed(sale(`R-${id}`));
    const body = encodeBody(event);
    const of = id <= 20 ? FIRST : SECOND;
    const seq = id <= 20 ? id : id - 20;
    const state: State = id <= 10 ? 1 : id === 11 ? 2 : 0;
    const sum = checksum.of(of, seq, hourOf(event.ts), crc32c(body), state);
    db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      ...[id, of, seq, hourOf(event.ts), state, NOW, state === 2 ? 'odd' : null, sum, body],
    );
    db.prepare('INSERT INTO refs VALUES (?, ?, ?, ?, ?, ?, ?)').run(
      ...[id, 'sale', `R-${id}`, contentHash(event), of, seq, NOW],
    );
  }
  db.close();
}

const accounts = ({ path }: Scratch) => {
  const db = openReadOnly(path);
  try {
    return account(db);
  } finally {
    db.close();
  }
};

t.test('a buffer of schema 1 is brought over whole, and its file removed', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  schema1(scratch);
  const buffer = scratch.open();
  t.match(buffer.facts(), { schema: SCHEMA_VERSION, salvage: /^recovering buffer\.db\.migrating-\S+ \(schema 1\)/ });
  await healed(buffer);
  t.same(
    [...offered(buffer).keys()],
    [
      ...Array.from({ length: 9 }, (_, at) => `${FIRST} ${12 + at}`),
      ...Array.from({ length: 20 }, (_, at) => `${SECOND} ${1 + at}`),
    ],
  );
  t.match(buffer.facts(), { acked: 5, quarantined: 1, refs: 35, losses: { events: 1 } });
  t.same(lost(buffer), [`${FIRST} 11-11 quarantined`], 'which no ledger held before');
  t.match(await buffer.accept([parsed(sale('R-7'))]), {
    accepted: 0,
    duplicates: [{ stream: `till-1.${FIRST}`, seq: 7 }],
  });
  await buffer.greeted({ storeGen: 'g', trueTimeOrigin: NOW - performance.now(), uncertaintyMs: 1 });
  t.match(buffer.facts(), { acked: 5 }, 'it is known of which state of the store they are');
  buffer.close();
  t.match(accounts(scratch), { sound: true, epochs: [{ gone: 5 }, { gone: 0 }] });
  t.same(
    readdirSync(dirname(scratch.path)).filter((name) => name.includes('migrating') || name.includes('salvaged')),
    [],
  );
  t.same(scratch.damage, []);
});

t.test('what is missing in a damaged one counts as lost: nobody knows whether it had expired', async (t) => {
  const scratch = scratchBuffer(t.testdir());
  schema1(scratch);
  const bytes = readFileSync(scratch.path);
  const body = bytes.indexOf('R-30', bytes.indexOf('EUR'));
  bytes.write('X', body);
  writeFileSync(scratch.path, bytes);
  const buffer = scratch.open();
  await healed(buffer);
  t.same(lost(buffer).sort(), [`${FIRST} 1-5 unreadable`, `${FIRST} 11-11 quarantined`, `${SECOND} 10-10 unreadable`]);
  buffer.close();
  t.match(accounts(scratch), { sound: true });
});
