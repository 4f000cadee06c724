/**
 * The schema of the buffer's database, and its version.
 *
 * An event's id is its epoch's base plus its seq. Ids ascend without gaps over all epochs, so a
 * range of seqs is a range of ids. The newest row is never deleted: the numbering goes on from it.
 * `refs` has a row for each event with a ref, under the event's id. `agent/port/outbox.ts` says how
 * each seq is accounted for. The comments in the SQL are stored in the file with it.
 */
import { Buffer } from 'node:buffer';
import type { Database } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
import { isId, type MerchantId, type TerminalId } from '../../../shared/ids.ts';
import { BufferRefusal } from '../disk/buffer-error.ts';

/** Stored in `user_version`. */
export const SCHEMA_VERSION = 2;

const SCHEMA = `
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
  reason TEXT, -- of a quarantine, also of one that support took back: see requeue.ts
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
CREATE TABLE losses (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  count INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  detail TEXT,
  acked INTEGER NOT NULL, -- when the collector acknowledged the record; 0 while it has not
  sum INTEGER NOT NULL -- see loss-record.ts
) STRICT;
CREATE INDEX losses_unsent ON losses (id) WHERE acked = 0;
CREATE TABLE gone (epoch TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (epoch, first_seq)) STRICT, WITHOUT ROWID; -- acked, the rows expired; neighbours are merged
CREATE TABLE clocks (
  first_id INTEGER PRIMARY KEY, -- events from this id on were stamped by this clock
  boot TEXT NOT NULL, -- of the operating system: its monotonic clock goes on through it
  origin INTEGER NOT NULL, -- what the clock took for the time at which the monotonic clock showed 0
  truth INTEGER, -- what the origin should have been; NULL: not compared with the collector's clock yet
  settled_to INTEGER -- NULL: not compared yet; else events up to this id are right
) STRICT;
CREATE TABLE aside (
  ordinal INTEGER PRIMARY KEY, -- a file that is being brought over: see salvage/
  name TEXT NOT NULL UNIQUE,
  why TEXT NOT NULL,
  position TEXT NOT NULL -- JSON: how far it is
) STRICT;
`;

export interface Owner {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
}

export const schemaVersion = (db: Database): number => db.pragma('user_version', { simple: true }) as number;

/** @throws BufferRefusal when a newer version of the agent wrote the file */
export function checkVersion(db: Database, path: string): number {
  const version = schemaVersion(db);
  if (version > SCHEMA_VERSION) {
    throw new BufferRefusal(
      `${path}: the buffer was written by a newer agent (schema ${version}, this agent knows ${SCHEMA_VERSION}): install that version again, or a later one`,
    );
  }
  return version;
}

export function readOwner(db: Database): Owner {
  const value = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
  return { merchant: value.get('merchant') as MerchantId, terminal: value.get('terminal') as TerminalId };
}

/** Checksum of the owner: tells a file of another terminal from a damaged one. */
const ownerSum = ({ merchant, terminal }: Owner): string =>
  crc32c(Buffer.from(`${merchant}/${terminal}`))
    .toString(16)
    .padStart(8, '0');

/** Whether the owner is the one that was written. Buffers of schema 1 have no checksum of it. */
export function isOwnerSound(db: Database): boolean {
  const sum = db.prepare<[], string>("SELECT value FROM meta WHERE key = 'owner_sum'").pluck().get();
  const owner = readOwner(db);
  if (sum === undefined) return schemaVersion(db) < SCHEMA_VERSION && isId(owner.merchant) && isId(owner.terminal);
  return sum === ownerSum(owner);
}

/**
 * Creates the schema in a new file, or checks that the file belongs to this terminal. Pending
 * events of another terminal must not be shipped under this one's name: events that are stored
 * already would be counted twice.
 *
 * @throws BufferRefusal
 */
export function prepareSchema(db: Database, path: string, owner: Owner): void {
  if (checkVersion(db, path) === 0) {
    if (db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) {
      throw new BufferRefusal(`${path}: is a database of another program: give another buffer.path`);
    }
    db.transaction(() => {
      db.exec(SCHEMA);
      const set = db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
      set.run('merchant', owner.merchant);
      set.run('terminal', owner.terminal);
      set.run('owner_sum', ownerSum(owner));
      db.pragma(`user_version = ${SCHEMA_VERSION}`);
    }).immediate();
    return;
  }
  const { merchant, terminal } = readOwner(db);
  if (merchant !== owner.merchant || terminal !== owner.terminal) {
    throw new BufferRefusal(
      `${path}: the buffer belongs to ${merchant}/${terminal}, the configuration says ${owner.merchant}/${owner.terminal}: ` +
        'let it drain under its old name, or give another buffer.path',
    );
  }
}
