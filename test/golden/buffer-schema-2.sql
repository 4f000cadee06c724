-- Schema 2 of the agent's buffer, as docs/formats/buffer-schema.md describes it. A file on a till has it: never edit
-- this copy. A change is a new version, with a golden file of its own.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
  ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch TEXT NOT NULL UNIQUE,
  base INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  last_seq INTEGER
) STRICT;
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  state INTEGER NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT,
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
  acked INTEGER NOT NULL,
  sum INTEGER NOT NULL
) STRICT;
CREATE INDEX losses_unsent ON losses (id) WHERE acked = 0;
CREATE TABLE gone (
  epoch TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (epoch, first_seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE clocks (
  first_id INTEGER PRIMARY KEY,
  boot TEXT NOT NULL,
  origin INTEGER NOT NULL,
  truth INTEGER,
  settled_to INTEGER
) STRICT;
CREATE TABLE aside (
  ordinal INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  why TEXT NOT NULL,
  position TEXT NOT NULL
) STRICT;
