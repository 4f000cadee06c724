/** Stores the events of a request: gives them their seqs, and knows again what came before. */
import type { Database, Statement } from 'better-sqlite3';
import { type Epoch, streamId, type TerminalId } from '../../shared/ids.ts';
import type { Accepted, Duplicate } from '../port/intake.ts';
import type { DiskBudget } from './capacity/disk-budget.ts';
import type { Eviction } from './capacity/eviction.ts';
import type { PreparedAppend } from './prepare-append.ts';
import type { DedupIndex } from './tables/dedup-index.ts';
import type { EventTable } from './tables/event-table.ts';
import type { ClockSegments } from './timestamps/clock-segments.ts';
import type { ChangeSet } from './transaction/changeset.ts';
import type { Cooperative } from './transaction/cooperative.ts';

/** After so many the event loop may have a turn. */
const PIECE_ROWS = 100;

export interface AppendParts {
  readonly rows: EventTable;
  readonly refs: DedupIndex;
  readonly clocks: ClockSegments;
  readonly budget: DiskBudget;
  readonly eviction: Eviction;
  /** Rows that are there. */
  readonly held: () => number;
  readonly terminal: TerminalId;
  /** The open one. */
  readonly epoch: Epoch;
  /** An event's id less its seq. */
  readonly base: number;
}

export class Append {
  readonly #parts: AppendParts;
  readonly #countConflict: Statement<[]>;

  constructor(db: Database, parts: AppendParts) {
    this.#parts = parts;
    this.#countConflict = db.prepare(
      "INSERT INTO counters (name, value) VALUES ('ref_conflicts', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
    );
  }

  /** Runs within a transaction, of which the draft is. */
  *run({ rows, bytes, stamp }: PreparedAppend, changes: ChangeSet): Cooperative<Accepted> {
    const { refs, clocks, budget, eviction, held, terminal, epoch, base } = this.#parts;
    const { at, segment } = stamp;
    let roomy = false;
    let done = 0;
    const duplicates: Duplicate[] = [];
    const firstId = changes.lastId + 1;
    for (const row of rows) {
      if (++done % PIECE_ROWS === 0) yield;
      const { index, hour, type, known } = row;
      const before = known === null ? null : refs.find(type, known.ref, known.content);
      if (before !== null && before !== 'conflict') {
        duplicates.push({ index, stream: streamId(terminal, before.epoch), seq: before.seq });
        continue;
      }
      // A full buffer still knows what it has stored. Nothing was written yet: the first row that is new ends it.
      roomy ||= budget.makeRoom(bytes, changes, held(), (wanted) => eviction.some(wanted, changes));
      if (!roomy) return { kind: 'full', detail: budget.describe() };
      if (before === 'conflict') {
        this.#countConflict.run();
        changes.refConflicts++;
      }
      const id = changes.append(hour);
      clocks.stamped(id, segment);
      this.#parts.rows.insert(id, epoch, id - base, row, at);
      if (known !== null) {
        refs.insert(id, type, known.ref, known.content, epoch, id - base, at);
        changes.refs++;
      }
    }
    const accepted = changes.lastId - firstId + 1;
    if (accepted > 0) changes.bytes += bytes;
    return {
      kind: 'accepted',
      accepted,
      stream: streamId(terminal, epoch),
      firstSeq: accepted > 0 ? firstId - base : null,
      lastSeq: accepted > 0 ? changes.lastId - base : null,
      duplicates: duplicates.sort((a, b) => a.index - b.index),
    };
  }
}
