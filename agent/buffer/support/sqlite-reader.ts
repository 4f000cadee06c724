/**
 * Reads a buffer's file for support (`BufferReader`): in pages, each a transaction of its own, so
 * that no checkpoint waits long for it.
 */
import type { Database } from 'better-sqlite3';
import type { TillEvent } from '../../../shared/event/event.ts';
import { streamId, type TerminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import type {
  BufferAccount,
  BufferReader,
  BufferStats,
  EventFilter,
  EventPage,
  EventState,
  StoredEvent,
  StoredLoss,
} from '../../port/buffer-reader.ts';
import { readTransaction } from '../disk/read-transaction.ts';
import { readMarks } from '../high-water/high-water-file.ts';
import { dedupIndexProblems } from '../integrity/dedup-index-check.ts';
import { describeAccounts } from '../integrity/describe-accounts.ts';
import { nextReadableRow } from '../integrity/next-readable-row.ts';
import { accountBySlices } from '../integrity/seq-accounting.ts';
import { marksOfCurrentFile, missingSeqs } from '../recovery/missing-seqs.ts';
import { listEpochs, type OpenedEpoch } from '../tables/epochs.ts';
import { RowCheck, STATE, type State, tryDecodeBody } from '../tables/event-row.ts';
import { bodyOf, type EventHead, headsFrom, latestQuarantined } from '../tables/event-statements.ts';
import { isSound, type LossRow } from '../tables/loss-record.ts';
import { readOwner } from '../tables/schema.ts';
import { readStats } from './buffer-stats.ts';
import { eventMatches, rowMatches } from './event-filter.ts';

/** Rows that a page reads at most, and bytes of events after which it ends. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;

type Order = 'oldest' | 'newest';

const STATES = Object.keys(STATE) as EventState[];

export class SqliteReader implements BufferReader {
  readonly fault = null;
  readonly #db: Database;
  readonly #path: string;
  readonly #release: () => void;
  readonly #terminal: TerminalId;
  readonly #epochs: readonly OpenedEpoch[];
  readonly #heads: ReturnType<typeof headsFrom>;
  readonly #body: ReturnType<typeof bodyOf>;
  readonly #check = new RowCheck();

  /**
   * @param db see `openReadOnly`; closed with this
   * @param release is called once it is closed
   * @throws when the tables cannot be read
   */
  constructor(db: Database, path: string, release: () => void = () => {}) {
    this.#db = db;
    this.#path = path;
    this.#release = release;
    this.#terminal = readOwner(db).terminal;
    this.#epochs = knownEpochs(db);
    this.#heads = headsFrom(db);
    this.#body = bodyOf(db);
  }

  stats(): BufferStats {
    return readStats(this.#db, this.#path);
  }

  events(filter: EventFilter, position: number | null, order: Order): EventPage {
    const start = position ?? (order === 'oldest' ? 0 : Number.MAX_SAFE_INTEGER);
    return readTransaction(this.#db, () => this.#page(filter, start, order));
  }

  losses(after: number, limit: number): StoredLoss[] {
    return this.#db
      .prepare<[number, number], LossRow>('SELECT * FROM losses WHERE id > ? ORDER BY id LIMIT ?')
      .all(after, limit)
      .map((row) => storedLoss(row, this.#terminal));
  }

  latestLosses(limit: number): StoredLoss[] {
    return this.#db
      .prepare<[number], LossRow>('SELECT * FROM losses ORDER BY id DESC LIMIT ?')
      .all(limit)
      .map((row) => storedLoss(row, this.#terminal));
  }

  latestQuarantined(limit: number): StoredEvent[] {
    const latest = latestQuarantined(this.#db);
    return readTransaction(this.#db, () => latest.all(limit).map((head) => this.#stored(head)));
  }

  *account(): Generator<number, BufferAccount> {
    const marks = readMarks(this.#path);
    const lost = missingSeqs(this.#db, marksOfCurrentFile(this.#db, this.#path, marks));
    const account = describeAccounts(yield* accountBySlices(this.#db), lost, this.#terminal);
    return { ...account, problems: [...account.problems, ...dedupIndexProblems(this.#db)] };
  }

  close(): void {
    this.#db.close();
    this.#release();
  }

  #page(filter: EventFilter, start: number, order: Order): EventPage {
    const step = order === 'oldest' ? 1 : -1;
    const { heads, damage, next } = this.#headsFrom(start, order);
    const events: StoredEvent[] = [];
    let bytes = 0;
    for (const head of heads) {
      if (!rowMatches(head, filter)) continue;
      const stored = this.#stored(head);
      if (stored.event === null || eventMatches(stored.event, filter)) events.push(stored);
      bytes += head.bytes;
      if (bytes > PAGE_BYTES && head !== heads.at(-1)) {
        const from = head.id + step;
        return { events, damage: [], next: from, progress: this.#progress(from, order) };
      }
    }
    return { events, damage, next, progress: next === null ? 1 : this.#progress(next, order) };
  }

  #headsFrom(start: number, order: Order): { heads: EventHead[]; damage: string[]; next: number | null } {
    const step = order === 'oldest' ? 1 : -1;
    try {
      const heads = this.#heads[order].all(start, PAGE_ROWS);
      return { heads, damage: [], next: heads.length < PAGE_ROWS ? null : heads.at(-1)!.id + step };
    } catch (error) {
      return this.#aroundDamage(start, order, (error as Error).message);
    }
  }

  /** Reads row by row up to the damage, then finds where reading can go on. */
  #aroundDamage(
    start: number,
    order: Order,
    fault: string,
  ): { heads: EventHead[]; damage: string[]; next: number | null } {
    const step = order === 'oldest' ? 1 : -1;
    const heads: EventHead[] = [];
    let at = start;
    try {
      while (heads.length < PAGE_ROWS) {
        const head = this.#heads[order].get(at, 1);
        if (head === undefined) return { heads, damage: [], next: null };
        heads.push(head);
        at = head.id + step;
      }
      return { heads, damage: [], next: at };
    } catch {
      const readable = (id: number): boolean => {
        try {
          this.#heads[order].get(id, 1);
          return true;
        } catch {
          return false;
        }
      };
      const next = nextReadableRow(at, step, readable);
      const [first, last] = step === 1 ? [at, next === null ? null : next - 1] : [next === null ? null : next + 1, at];
      return { heads, damage: [`${this.#describeRange(first, last)} cannot be read: ${fault}`], next };
    }
  }

  #describeRange(first: number | null, last: number | null): string {
    const from = first === null ? 'from the beginning' : `from ${this.#place(first)}`;
    return last === null || last === Number.MAX_SAFE_INTEGER
      ? `rows ${from} on`
      : `rows ${from} to ${this.#place(last)}`;
  }

  #place(id: number): string {
    const of = this.#epochs.findLast(({ base }) => base < id);
    return of === undefined ? `row ${id}` : `${streamId(this.#terminal, of.epoch)} seq ${id - of.base}`;
  }

  #progress(position: number, order: Order): number {
    let behind = 0;
    let all = 0;
    for (const { base, lastSeq } of this.#epochs) {
      behind += Math.min(lastSeq, Math.max(0, position - 1 - base));
      all += lastSeq;
    }
    const share = all === 0 ? 1 : behind / all;
    return order === 'oldest' ? share : 1 - share;
  }

  #stored(head: EventHead): StoredEvent {
    const { id, seq, hour, state, at, reason } = head;
    const row = {
      id,
      stream: `${this.#terminal}.${head.epoch}` as StoredEvent['stream'],
      seq,
      state: STATES.find((name) => STATE[name] === state) ?? 'pending',
      at: at ?? 0,
      reason,
    };
    const event = this.#event(head);
    if (typeof event === 'string') return { ...row, event: null, fault: event };
    if (hourOf(event.ts) !== hour) return { ...row, event: null, fault: 'it is not of the hour under which it lies' };
    return { ...row, event, fault: null };
  }

  /** The event; a message when the row is damaged or cannot be read. */
  #event(head: EventHead): TillEvent | string {
    try {
      const body = this.#body.get(head.id)!;
      return this.#check.fault({ ...head, state: head.state as State, body }) ?? tryDecodeBody(body);
    } catch (error) {
      return (error as Error).message;
    }
  }
}

/** None when the table cannot be read: places in the file then have less telling names. */
function knownEpochs(db: Database): OpenedEpoch[] {
  try {
    return listEpochs(db);
  } catch {
    return [];
  }
}

const storedLoss = (row: LossRow, terminal: TerminalId): StoredLoss => ({
  id: row.id,
  stream: streamId(terminal, row.epoch),
  firstSeq: row.first_seq,
  count: row.count,
  hour: row.hour * HOUR_MS,
  reason: row.reason,
  at: row.at,
  detail: row.detail,
  acked: row.acked !== 0,
  sound: isSound(row),
});
