/** Stores the events of a request: gives them their seqs, and knows again what came before. */
import type { Database, Statement } from 'better-sqlite3';
import { type Epoch, streamId, type TerminalId } from '../../shared/ids.ts';
import type { Accepted, Duplicate } from '../port/intake.ts';
import type { Budget } from './capacity/disk-budget.ts';
import type { Eviction } from './capacity/eviction.ts';
import type { IntakeRequest } from './prepare-append.ts';
import type { Refs } from './tables/dedup-index.ts';
import type { EventRows } from './tables/event-table.ts';
import type { Clocks } from './timestamps/clock-segments.ts';
import type { Draft } from './transaction/changeset.ts';
import type { Steps } from './transaction/cooperative.ts';

/** After so many the event loop may have a turn. */
const PIECE_ROWS = 100;

export interface AcceptanceParts {
  readonly rows: EventRows;
  readonly refs: Refs;
  readonly clocks: Clocks;
  readonly budget: Budget;
  readonly eviction: Eviction;
  /** Rows that are there. */
  readonly held: () => number;
  readonly terminal: TerminalId;
  /** The open one. */
  readonly epoch: Epoch;
  /** An event's id less its seq. */
  readonly base: number;
}

export class Acceptance {
  readonly #parts: AcceptanceParts;
  readonly #countConflict: Statement<[]>;

  constructor(db: Database, parts: AcceptanceParts) {
    this.#parts = parts;
    this.#countConflict = db.prepare(
      "INSERT INTO counters (name, value) VALUES ('ref_conflicts', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
    );
  }

  /** Runs within a transaction, of which the draft is. */
  *store({ rows, bytes, stamp }: IntakeRequest, draft: Draft): Steps<Accepted> {
    const { refs, clocks, budget, eviction, held, terminal, epoch, base } = this.#parts;
    const { at, segment } = stamp;
    let roomy = false;
    let done = 0;
    const duplicates: Duplicate[] = [];
    const firstId = draft.lastId + 1;
    for (const row of rows) {
      if (++done % PIECE_ROWS === 0) yield;
      const { index, hour, type, known } = row;
      const before = known === null ? null : refs.find(type, known.ref, known.content);
      if (before !== null && before !== 'conflict') {
        duplicates.push({ index, stream: streamId(terminal, before.epoch), seq: before.seq });
        continue;
      }
      // A full buffer still knows what it has stored. Nothing was written yet: the first row that is new ends it.
      roomy ||= budget.makeRoom(bytes, draft, held(), (wanted) => eviction.some(wanted, draft));
      if (!roomy) return { kind: 'full', detail: budget.describe() };
      if (before === 'conflict') {
        this.#countConflict.run();
        draft.refConflicts++;
      }
      const id = draft.accept(hour);
      clocks.stamped(id, segment);
      this.#parts.rows.insert(id, epoch, id - base, row, at);
      if (known !== null) {
        refs.remember(id, type, known.ref, known.content, epoch, id - base, at);
        draft.refs++;
      }
    }
    const accepted = draft.lastId - firstId + 1;
    if (accepted > 0) draft.bytes += bytes;
    return {
      kind: 'accepted',
      accepted,
      stream: streamId(terminal, epoch),
      firstSeq: accepted > 0 ? firstId - base : null,
      lastSeq: accepted > 0 ? draft.lastId - base : null,
      duplicates: duplicates.sort((a, b) => a.index - b.index),
    };
  }
}
