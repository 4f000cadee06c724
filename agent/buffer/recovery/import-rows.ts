/**
 * Imports carved rows into the fresh database, with their old stream, seq, hour and content. Of
 * several versions of an event the first one found counts.
 *
 * Events that were accepted since the file was set aside are normally not shipped before recovery
 * ends. So a new event that repeats a found one is recorded as its duplicate, and nothing counts
 * twice. Where the disk had no room and new events may have been shipped, the found one is the
 * duplicate. A till that retries either is answered with the identity of the one that counts.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type Epoch, streamId, type TerminalId } from '../../../shared/ids.ts';
import { DAY_MS } from '../../../shared/time.ts';
import type { HighWaterMark } from '../high-water/high-water-mark.ts';
import {
  type CarvedEvent,
  type CarvedLoss,
  type CarvedRef,
  type CarvedRow,
  isOutdated,
  MAX_SEQ,
} from '../sqlite-format/carved-row.ts';
import { contentHash, isDeduplicable, mayBeSame } from '../tables/content-hash.ts';
import { RowChecksum, STATE, type State, stateMask, tryDecodeBody } from '../tables/event-row.ts';
import { bodyOfEvent, changeEvent, eventExists, importEvent, stateOfEvent } from '../tables/event-statements.ts';
import { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import { type LossRecord, lossSum } from '../tables/loss-record.ts';
import type { ClockSegments } from '../timestamps/clock-segments.ts';
import type { IdAllocation } from './id-allocation.ts';
import { LossLookup } from './loss-lookup.ts';
import { PRECEDENCE, precedenceOf } from './precedence.ts';

interface KnownRef {
  readonly id: number;
  readonly epoch: Epoch;
  readonly seq: number;
  readonly at: number;
}

export interface RowImportParts {
  readonly db: Database;
  readonly terminal: TerminalId;
  readonly ids: IdAllocation;
  readonly losses: LossLedger;
  readonly clocks: Pick<ClockSegments, 'addUnconfirmed'>;
  /** By epoch: the side file's marks when the files were set aside. */
  readonly marks: ReadonlyMap<Epoch, HighWaterMark>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Characters of a reason that are kept: no checksum guards it, so it may be of any length. */
const MAX_REASON = 1_024;

export class RowImport {
  readonly #with: RowImportParts;
  readonly #checksum = new RowChecksum();
  readonly #exists: ReturnType<typeof eventExists>;
  readonly #expired: ExpiredRanges;
  readonly #insertEvent: ReturnType<typeof importEvent>;
  readonly #changeEvent: ReturnType<typeof changeEvent>;
  readonly #sameRef: Statement<[string, string, Buffer], KnownRef>;
  readonly #insertRef: Statement<[number, string, string, Buffer, Epoch, number, number]>;
  readonly #deleteRef: Statement<[number]>;
  readonly #state: ReturnType<typeof stateOfEvent>;
  readonly #body: ReturnType<typeof bodyOfEvent>;
  readonly #lossesOf: Statement<[Epoch, string, number, number], number>;
  readonly #ledger: LossLookup;
  readonly #insertLoss: Statement<[Epoch, number, number, number, string, number, string | null, number, number]>;
  /** Set when the disk has no room for acked events, which are kept for support only. */
  withoutAcked = false;
  /**
   * Whether newer events may have been shipped: then found events are recorded as their duplicates.
   */
  isShipping = false;
  /** Whether an epoch got its ids since this was last set to false. */
  tookEpoch = false;

  constructor(parts: RowImportParts) {
    const { db } = parts;
    this.#with = parts;
    this.#exists = eventExists(db);
    this.#expired = new ExpiredRanges(db);
    this.#insertEvent = importEvent(db);
    this.#changeEvent = changeEvent(db);
    this.#sameRef = db.prepare('SELECT id, epoch, seq, at FROM refs WHERE type = ? AND ref = ? AND content = ?');
    this.#insertRef = db.prepare(
      'INSERT OR IGNORE INTO refs (id, type, ref, content, epoch, seq, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#deleteRef = db.prepare('DELETE FROM refs WHERE id = ?');
    this.#state = stateOfEvent(db);
    this.#body = bodyOfEvent(db);
    this.#lossesOf = db
      .prepare<[Epoch, string, number, number], number>(
        'SELECT count(*) FROM losses WHERE epoch = ? AND reason = ? AND first_seq <= ? AND first_seq + count > ?',
      )
      .pluck();
    this.#ledger = new LossLookup(db);
    this.#insertLoss = db.prepare(
      'INSERT INTO losses (epoch, first_seq, count, hour, reason, at, detail, acked, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
  }

  /** Runs in a transaction. */
  take(rows: readonly CarvedRow[]): void {
    // Losses may have been recorded between transactions.
    this.#ledger.changed();
    for (const row of rows) this.#take(row);
  }

  #take(row: CarvedRow): void {
    switch (row.kind) {
      case 'event':
        this.#event(row);
        break;
      case 'loss':
        this.#loss(row);
        break;
      case 'ref':
        this.#ref(row);
        break;
    }
  }

  #event(found: CarvedEvent): void {
    const { epoch, seq } = found;
    const id = this.#allocate(epoch, seq) + seq;
    if (this.#exists.get(id) !== undefined) return;
    const settledThrough = this.#with.marks.get(epoch)?.settledThrough ?? 0;
    if (this.#isObsolete(found, settledThrough)) return;
    const state = isOutdated(found, settledThrough) ? STATE.acked : found.state;
    // A body that is no event of ours is imported as it is: it is recorded as lost where it would
    // be shipped.
    const event = tryDecodeBody(found.body);
    if (typeof event === 'string' || !isDeduplicable(event)) {
      this.#insert(id, found, state, found.reason);
      return;
    }
    const content = contentHash(event);
    // An older agent kept refs as they came.
    const ref = event.ref.normalize('NFC');
    const same = this.#sameRef.all(event.type, ref, content).filter((other) => this.#mayBe(event, other));
    const first = this.#resolveDuplicates(id, found, state, same);
    if (first !== null) {
      this.#insert(id, found, STATE.quarantined, this.#recordDuplicate(found, first));
      return;
    }
    this.#insert(id, found, state, found.reason);
    this.#insertRef.run(id, event.type, ref, content, epoch, seq, this.#timeOf(found));
  }

  #mayBe(event: TillEvent, { id }: KnownRef): boolean {
    const body = this.#body.get(id);
    const other = body === undefined ? null : tryDecodeBody(body);
    return other === null || typeof other === 'string' || mayBeSame(event, other);
  }

  /** Whether an event that is not in the database must not be stored either. */
  #isObsolete({ epoch, seq, state }: CarvedEvent, settledThrough: number): boolean {
    // Shipped, acknowledged and expired during recovery: an older version must not be shipped
    // again.
    if (this.#expired.has(epoch, seq)) return true;
    if (state !== STATE.pending) return false;
    // The collector has the loss record: the event stays lost, requeued before or not, and a retry
    // is stored again.
    if (seq <= settledThrough && this.#ledger.isLost(epoch, seq)) return true;
    // A version from before the event was recorded as a duplicate.
    return this.#ledger.isDuplicate(epoch, seq);
  }

  /**
   * Decides which of the events with one content counts; the others are recorded as duplicates.
   *
   * @returns the event that counts in place of the found one; null when the found one does
   */
  #resolveDuplicates(id: number, found: CarvedEvent, state: State, others: readonly KnownRef[]): KnownRef | null {
    const { epoch, seq, at } = found;
    const now = this.#with.now();
    for (const other of others) {
      if (other.id === id || Math.abs(Math.min(other.at, now) - Math.min(at, now)) >= DAY_MS) continue;
      // The retry of a lost event was stored: it is the one that counts.
      if (state === STATE.pending && (this.#yieldsTo(epoch, other) || this.#ledger.isLost(epoch, seq))) return other;
      const isOtherLost = state !== STATE.quarantined && this.#ledger.isLost(other.epoch, other.seq);
      if (isOtherLost || this.#supersedes(epoch, other.epoch)) this.#quarantineDuplicate(other, found);
    }
    return null;
  }

  #insert(id: number, found: CarvedEvent, state: State, reason: string | null): void {
    const { epoch, seq, hour, body } = found;
    if (this.withoutAcked && state === STATE.acked) {
      this.#expired.add({ epoch, firstSeq: seq, lastSeq: seq });
      return;
    }
    const sum = this.#checksum.of(epoch, seq, hour, crc32c(body), state);
    const kept = reason?.slice(0, MAX_REASON) ?? null;
    this.#insertEvent.run(id, epoch, seq, hour, state, this.#timeOf(found), kept, sum, body);
  }

  /**
   * When the event took its state; not later than now. A later time is kept where it is not
   * confirmed: the collector judges by it the clock that stamped it.
   */
  #timeOf({ epoch, seq, at }: CarvedEvent): number {
    return this.#isUnconfirmed(epoch, seq) ? at : Math.min(at, this.#with.now());
  }

  /**
   * Quarantines a pending event in the database as a duplicate.
   *
   * @param first the event that counts
   */
  #quarantineDuplicate({ id, epoch, seq }: KnownRef, first: { readonly epoch: Epoch; readonly seq: number }): void {
    const row = this.#state.get(id);
    if (row === undefined || row.state !== STATE.pending) return;
    const reason = this.#recordDuplicate({ epoch, seq, hour: row.hour }, first);
    const sum = (row.sum ^ stateMask(STATE.pending, STATE.quarantined)) >>> 0;
    this.#changeEvent.run(STATE.quarantined, this.#with.now(), reason, sum, id);
    this.#deleteRef.run(id);
  }

  /** Records the loss of a duplicate. @returns the reason of its quarantine */
  #recordDuplicate(
    { epoch, seq, hour }: { readonly epoch: Epoch; readonly seq: number; readonly hour: number },
    first: { readonly epoch: Epoch; readonly seq: number },
  ): string {
    const { losses, terminal, now } = this.#with;
    const detail = `the same as ${streamId(terminal, first.epoch)} seq ${first.seq}`;
    losses.write({ epoch, firstSeq: seq, lastSeq: seq, hour, reason: 'duplicate', detail }, now());
    return `duplicate: ${detail}`;
  }

  #loss({ loss }: CarvedLoss): void {
    const { epoch, first_seq, count, hour, reason, at, detail, acked } = loss;
    const last = first_seq + count - 1;
    if (this.#lossesOf.get(epoch, reason, first_seq, last)! > 0) return;
    this.#allocate(epoch, last);
    const record: LossRecord = { epoch, first_seq, count, hour, reason, at, detail, acked };
    this.#insertLoss.run(epoch, first_seq, count, hour, reason, at, detail, acked, lossSum(record));
    this.#ledger.changed();
  }

  /** Imports the ref of an event without a row, unless the event is lost: its retry is stored. */
  #ref({ epoch, seq, type, ref, content, at }: CarvedRef): void {
    const { marks, ids, now } = this.#with;
    const mark = marks.get(epoch);
    if (mark === undefined || seq > mark.settledThrough || at <= now() - DAY_MS || at > now()) return;
    if (this.#ledger.isLost(epoch, seq)) return;
    const base = ids.baseOf(epoch) ?? this.#allocate(epoch, seq);
    for (const other of this.#sameRef.all(type, ref, content)) {
      if (this.#supersedes(epoch, other.epoch) || this.#ledger.isLost(other.epoch, other.seq))
        this.#quarantineDuplicate(other, { epoch, seq });
    }
    this.#insertRef.run(base + seq, type, ref, content, epoch, seq, at);
  }

  /** Gives the epoch its ids unless it has them. @returns its base */
  #allocate(epoch: Epoch, seq: number): number {
    const { ids, clocks, marks, now } = this.#with;
    const { base, isNew } = ids.allocate(epoch, seq, now());
    this.tookEpoch ||= isNew;
    const from = marks.get(epoch)?.unconfirmedFrom ?? 0;
    if (isNew && this.#isUnconfirmed(epoch, from)) clocks.addUnconfirmed({ first: base + from, last: base + MAX_SEQ });
    return base;
  }

  /**
   * Whether the clock that stamped an event is still to be judged. Once newer events are shipped it
   * no longer is.
   */
  #isUnconfirmed(epoch: Epoch, seq: number): boolean {
    const from = this.#with.marks.get(epoch)?.unconfirmedFrom ?? 0;
    return !this.isShipping && from > 0 && seq >= from;
  }

  /**
   * Whether a found pending event is the duplicate of one in the database with the same content.
   */
  #yieldsTo(found: Epoch, other: KnownRef): boolean {
    const here = this.#precedence(other.epoch);
    if (this.isShipping && here < PRECEDENCE.shipped) return true;
    const precedence = this.#precedence(found);
    if (precedence !== here || found === other.epoch) return precedence < here;
    // The side file does not tell them apart: either may count, unless one was stored.
    return precedence === PRECEDENCE.held || this.#state.get(other.id)?.state === STATE.pending;
  }

  /** Whether the event in the database is the duplicate of a found one with the same content. */
  #supersedes(found: Epoch, other: Epoch): boolean {
    return !this.isShipping && this.#precedence(other) < this.#precedence(found);
  }

  #precedence(epoch: Epoch): number {
    const { marks, ids } = this.#with;
    return precedenceOf(marks.get(epoch), ids.baseOf(epoch));
  }
}
