/**
 * Appends the events of a request: knows retries again, makes room, and gives new events their
 * seqs.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import type { Cooperative } from '../../shared/cooperative.ts';
import { streamId, type TerminalId } from '../../shared/ids.ts';
import type { Accepted, KnownEvent } from '../port/intake.ts';
import type { BufferState } from './buffer-state.ts';
import type { DiskBudget } from './capacity/disk-budget.ts';
import type { Eviction } from './capacity/eviction.ts';
import type { PreparedAppend } from './prepare-append.ts';
import { otherHashes } from './tables/content-hash.ts';
import type { DedupIndex } from './tables/dedup-index.ts';
import { decodeBody } from './tables/event-row.ts';
import type { EventTable, NewEvent } from './tables/event-table.ts';
import type { ClockSegments } from './timestamps/clock-segments.ts';
import type { ChangeSet } from './transaction/changeset.ts';

const byIndex = (a: KnownEvent, b: KnownEvent): number => a.index - b.index;
const otherHashesOf = ({ body }: NewEvent): Buffer[] => otherHashes(decodeBody(body));

/** Rows between two yields. */
const SLICE_ROWS = 100;

export interface AppendDependencies {
  readonly rows: EventTable;
  readonly refs: DedupIndex;
  readonly clocks: ClockSegments;
  readonly budget: DiskBudget;
  readonly eviction: Eviction;
  readonly state: BufferState;
  readonly terminal: TerminalId;
}

export class Append {
  readonly #with: AppendDependencies;
  readonly #countConflict: Statement<[]>;

  constructor(db: Database, dependencies: AppendDependencies) {
    this.#with = dependencies;
    this.#countConflict = db.prepare(
      "INSERT INTO counters (name, value) VALUES ('ref_conflicts', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
    );
  }

  /** Runs within the transaction whose change set it gets. */
  *run({ rows, bytes, stamp }: PreparedAppend, changes: ChangeSet): Cooperative<Accepted> {
    const { rows: table, refs, clocks, budget, eviction, state, terminal } = this.#with;
    const { epoch, base } = state.open;
    const { at, segment } = stamp;
    let hasRoom = false;
    let done = 0;
    const duplicates: KnownEvent[] = [];
    const conflicts: KnownEvent[] = [];
    const firstId = changes.lastId + 1;
    for (const row of rows) {
      if (++done % SLICE_ROWS === 0) yield;
      const { index, hour, type, known } = row;
      const before = known === null ? null : refs.find(type, known.ref, known.content, () => otherHashesOf(row));
      const earlier = before === null ? null : { index, stream: streamId(terminal, before.epoch), seq: before.seq };
      if (before?.kind === 'same') {
        duplicates.push(earlier!);
        continue;
      }
      // A full buffer still recognises retries. The first new row ends the request: nothing was
      // written yet.
      hasRoom ||= budget.makeRoom(bytes, changes, state.rowCount, eviction);
      if (!hasRoom) return { kind: 'full', detail: budget.describe() };
      if (before?.kind === 'conflict') {
        conflicts.push(earlier!);
        this.#countConflict.run();
        changes.refConflicts++;
      }
      const id = changes.append(hour);
      clocks.stamped(id, segment);
      table.insert(id, epoch, id - base, row, at);
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
      duplicates: duplicates.sort(byIndex),
      conflicts: conflicts.sort(byIndex),
    };
  }
}
