/** What the files of a buffer say of each event, as support reads them. */
import assert from 'node:assert/strict';
import { BufferFile } from '../../../agent/buffer/buffer-file.ts';
import { openForReading } from '../../../agent/buffer/connection.ts';
import type { EventState } from '../../../agent/buffer/port.ts';
import type { TillEvent } from '../../../shared/event/event.ts';

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
  const file = new BufferFile(openForReading(path), path);
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
    const { terminal, epochs } = file.facts();
    for (const { epoch, lastSeq } of epochs) {
      for (let seq = 1; seq <= lastSeq; seq++) {
        const key = `${terminal}.${epoch}/${seq}`;
        const { reasons, told } = records.get(key) ?? FORGOTTEN;
        const { state, row } = rows.get(key) ?? { state: null, row: null };
        // The accounts are sound: what is neither a row nor lost is gone.
        all.set(key, { fate: state ?? (reasons.length > 0 ? 'lost' : 'gone'), row, reasons, told });
      }
    }
    for (const key of [...rows.keys(), ...records.keys()]) assert.ok(all.has(key), `${key} is of no epoch`);
    return all;
  } finally {
    file.close();
  }
}

function assertSound(file: BufferFile): void {
  const steps = file.account();
  for (;;) {
    const { done, value } = steps.next();
    if (!done) continue;
    assert.deepEqual(value.problems, []);
    return;
  }
}

function recordsOf(file: BufferFile): Map<Key, { reasons: string[]; told: boolean }> {
  const records = new Map<Key, { reasons: string[]; told: boolean }>();
  for (const { stream, firstSeq, count, reason, acked } of file.losses(0, 1e6)) {
    for (let seq = firstSeq; seq < firstSeq + count; seq++) {
      const before = records.get(`${stream}/${seq}`) ?? { reasons: [], told: true };
      records.set(`${stream}/${seq}`, { reasons: [...before.reasons, reason], told: before.told && acked });
    }
  }
  return records;
}
