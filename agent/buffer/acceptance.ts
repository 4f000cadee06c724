/** Stores the events of a request: gives them their seqs, and knows again what came before. */
import type { Database, Statement } from 'better-sqlite3';
import { type Epoch, streamId, type TerminalId } from '../../shared/ids.ts';
import type { Budget } from './budget.ts';
import type { Draft } from './draft.ts';
import type { EventRows } from './event-rows.ts';
import type { IntakeRequest } from './intake-request.ts';
import type { Accepted, Duplicate } from './port.ts';
import type { Refs } from './refs.ts';

export interface AcceptanceParts {
  readonly rows: EventRows;
  readonly refs: Refs;
  readonly budget: Budget;
  readonly terminal: TerminalId;
  /** The open one. */
  readonly epoch: Epoch;
  /** An event's id less its seq. */
  readonly base: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
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
  store({ rows, bytes }: IntakeRequest, draft: Draft): Accepted {
    const { refs, budget, terminal, epoch, base, now } = this.#parts;
    const at = now();
    const fits = budget.fits(draft.bytes + bytes);
    const duplicates: Duplicate[] = [];
    const firstId = draft.lastId + 1;
    for (const row of rows) {
      const { index, hour, type, known } = row;
      const before = known === null ? null : refs.find(type, known.ref, known.content, at);
      if (before !== null && before !== 'conflict') {
        duplicates.push({ index, stream: streamId(terminal, before.epoch), seq: before.seq });
        continue;
      }
      // A full buffer still knows what it has stored. Nothing was written yet: the first row that is new ends it.
      if (!fits) return { kind: 'full', detail: budget.describe() };
      if (before === 'conflict') {
        this.#countConflict.run();
        draft.refConflicts++;
      }
      const id = draft.accept(hour);
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
