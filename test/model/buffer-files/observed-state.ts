/** What the files of a buffer say of each event, as support reads them. */
import assert from 'node:assert/strict';
import type { Database } from 'better-sqlite3';
import { openReadOnly } from '../../../agent/buffer/support/open-read-only.ts';
import { SqliteReader } from '../../../agent/buffer/support/sqlite-reader.ts';
import type { EventState } from '../../../agent/port/buffer-reader.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import type { Epoch } from '../../../shared/ids.ts';

/** `stream/seq`. */
export type Key = string;

/** Gone: acked, and no longer kept. Lost: only a record of the ledger is left. Forgotten: the files know nothing of it. */
export type Fate = EventState | 'gone' | 'lost' | 'forgotten';

export interface Seen {
  readonly fate: Fate;
  /** Of its row; null where there is none. */
  readonly row: { readonly id: number; readonly at: number; readonly event: TillEvent | null } | null;
  /** Of the records of the ledger that cover it. */
  readonly reasons: readonly string[];
  /** Whether the collector has them all, of which there is one at least. */
  readonly told: boolean;
}

export type Observed = ReadonlyMap<Key, Seen>;

export const FORGOTTEN: Seen = { fate: 'forgotten', row: null, reasons: [], told: false };

const ANY = { states: null, stream: null, seqs: null, type: null, ref: null, from: null, to: null };

/** @throws AssertionError where the files are not sound */
export function observed(path: string): Observed {
  const db = openReadOnly(path);
  const isGone = goneOf(db);
  const file = new SqliteReader(db, path);
  try {
    assertSound(file);
    const rows = new Map<Key, { state: EventState; row: NonNullable<Seen['row']> }>();
    for (let position: number | null = null; ; ) {
      const { events, damage, next } = file.events(ANY, position, 'oldest');
      assert.deepEqual(damage, []);
      for (const { id, stream, seq, state, at, event } of events) {
        assert.ok(!rows.has(`${stream}/${seq}`), `${stream}/${seq} is there twice`);
        rows.set(`${stream}/${seq}`, { state, row: { id, at, event } });
      }
      if (next === null) break;
      position = next;
    }
    const records = recordsOf(file);
    const all = new Map<Key, Seen>();
    const { terminal, epochs } = file.stats();
    for (const { epoch, lastSeq } of epochs) {
      for (let seq = 1; seq <= lastSeq; seq++) {
        const key = `${terminal}.${epoch}/${seq}`;
        const { reasons, told } = records.get(key) ?? FORGOTTEN;
        const { state, row } = rows.get(key) ?? { state: null, row: null };
        // The accounts are sound: what is neither a row nor lost is gone. What was found again after it was given up may be gone too.
        const isLost = reasons.length > 0 && !isGone(epoch, seq);
        all.set(key, { fate: state ?? (isLost ? 'lost' : 'gone'), row, reasons, told });
      }
    }
    for (const key of [...rows.keys(), ...records.keys()]) assert.ok(all.has(key), `${key} is of no epoch`);
    return all;
  } finally {
    file.close();
  }
}

function goneOf(db: Database): (epoch: Epoch, seq: number) => boolean {
  const ranges = db
    .prepare<[], { epoch: Epoch; first: number; last: number }>(
      'SELECT epoch, first_seq AS first, last_seq AS last FROM gone',
    )
    .all();
  return (of, seq) => ranges.some(({ epoch, first, last }) => epoch === of && first <= seq && seq <= last);
}

function assertSound(file: SqliteReader): void {
  const steps = file.account();
  for (;;) {
    const { done, value } = steps.next();
    if (!done) continue;
    assert.deepEqual(value.problems, []);
    return;
  }
}

function recordsOf(file: SqliteReader): Map<Key, { reasons: string[]; told: boolean }> {
  const records = new Map<Key, { reasons: string[]; told: boolean }>();
  for (const { stream, firstSeq, count, reason, acked } of file.losses(0, 1e6)) {
    for (let seq = firstSeq; seq < firstSeq + count; seq++) {
      const before = records.get(`${stream}/${seq}`) ?? { reasons: [], told: true };
      records.set(`${stream}/${seq}`, { reasons: [...before.reasons, reason], told: before.told && acked });
    }
  }
  return records;
}
