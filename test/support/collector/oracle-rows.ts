/** Oracle: what raw rows hold, calculated seq by seq from their contents. */
import { readRow, type StoredRow } from '../../../collector/aggregation/raw-row.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { toEvents } from '../../../shared/wire/event-columns.ts';

export interface Held {
  /** Rows with the same key are one. In key order. */
  readonly rows: readonly StoredRow[];
  /** Each seq once: of the row that arrived first, then of the lower key. */
  readonly events: readonly TillEvent[];
  readonly conflicts: number;
  readonly lost: number;
}

/** @param sent rows of one hour or several, of one terminal or several */
export function eventsOf(sent: readonly StoredRow[]): Held {
  const rows = [...new Map(sent.map((row) => [Buffer.from(row.rowKey).toString('hex'), row]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
  const taken = new Map<string, TillEvent>();
  const conflicts = new Set<string>();
  const lost = new Set<string>();
  // The sort is stable: rows that arrived together stay in the order of their keys.
  for (const row of [...rows].sort((a, b) => a.arrival - b.arrival)) {
    const { epoch, firstSeq, count, columns } = readRow(row);
    const events = columns === null ? null : toEvents(columns);
    for (let i = 0; i < count; i++) {
      const name = `${row.key.hour}/${row.key.terminal}/${epoch}/${firstSeq + i}`;
      const event = events?.[i];
      const before = taken.get(name);
      if (event === undefined) lost.add(name);
      else if (before === undefined) taken.set(name, event);
      else if (JSON.stringify(before) !== JSON.stringify(event)) conflicts.add(name);
    }
  }
  return { rows, events: [...taken.values()], conflicts: conflicts.size, lost: lost.difference(taken).size };
}
