/**
 * Takes findings into the fresh database, with their old stream, seq, hour and content. Of an event the first version met counts.
 *
 * What was accepted since the file was set aside was never shipped, so a new event that turns out to be the repeat of a found one is given
 * up, and counts nothing twice; or, where there was no room and it may have been, the found one. The till that sends either once more is
 * answered with the identity of the one that counts.
 */
import type { Buffer } from 'node:buffer';
import type { Database, Statement } from 'better-sqlite3';
import { crc32c } from '../../../shared/crc32c.ts';
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
import { contentHash, isDeduplicable } from '../tables/content-hash.ts';
import { FRESH_BASE } from '../tables/epochs.ts';
import { changeEvent, eventExists, importEvent, stateOfEvent } from '../tables/event-repair.ts';
import { RowChecksum, STATE, type State, stateMask, tryDecodeBody } from '../tables/event-row.ts';
import { ExpiredRanges } from '../tables/expired-ranges.ts';
import type { LossLedger } from '../tables/loss-ledger.ts';
import { type LossRecord, lossSum } from '../tables/loss-record.ts';
import type { ClockSegments } from '../timestamps/clock-segments.ts';
import type { IdAllocation } from './id-allocation.ts';
import { LossLookup } from './loss-lookup.ts';

interface KnownRef {
  readonly id: number;
  readonly epoch: Epoch;
  readonly seq: number;
  readonly at: number;
}

export interface RowImportParts {
  readonly db: Database;
  readonly terminal: TerminalId;
  readonly places: IdAllocation;
  readonly losses: LossLedger;
  readonly clocks: Pick<ClockSegments, 'addUnconfirmed'>;
  /** By epoch: the side file as it was. */
  readonly marks: ReadonlyMap<Epoch, HighWaterMark>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Of events of one content the one of the higher standing counts. `fresh`: accepted since, and not shipped unless something was ahead. `held`: of
 * an opening of which nothing was shipped. `shipped`: it may have been. `ahead`: it may have been, before what is found now.
 */
const STANDING = { fresh: 0, held: 1, shipped: 2, ahead: 3 } as const;

/** The first characters of a reason that no sum guards. */
const MAX_REASON = 1_024;

export class RowImport {
  readonly #with: RowImportParts;
  readonly #checksum = new RowChecksum();
  readonly #isThere: ReturnType<typeof eventExists>;
  readonly #gone: ExpiredRanges;
  readonly #insert: ReturnType<typeof importEvent>;
  readonly #change: ReturnType<typeof changeEvent>;
  readonly #sameRef: Statement<[string, string, Buffer], KnownRef>;
  readonly #remember: Statement<[number, string, string, Buffer, Epoch, number, number]>;
  readonly #forgetRef: Statement<[number]>;
  readonly #row: ReturnType<typeof stateOfEvent>;
  readonly #lossesOf: Statement<[Epoch, string, number, number], number>;
  readonly #ledger: LossLookup;
  readonly #insertLoss: Statement<[Epoch, number, number, number, string, number, string | null, number, number]>;
  /** Set when the disk has no room for what is only kept for support. */
  withoutAcked = false;
  /** Whether what was accepted since may have been shipped: then it is what is found that is given up as a repeat. */
  isShipping = false;
  /** Whether an epoch got its place since this was last set to false. */
  placed = false;

  constructor(parts: RowImportParts) {
    const { db } = parts;
    this.#with = parts;
    this.#isThere = eventExists(db);
    this.#gone = new ExpiredRanges(db);
    this.#insert = importEvent(db);
    this.#change = changeEvent(db);
    this.#sameRef = db.prepare('SELECT id, epoch, seq, at FROM refs WHERE type = ? AND ref = ? AND content = ?');
    this.#remember = db.prepare(
      'INSERT OR IGNORE INTO refs (id, type, ref, content, epoch, seq, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#forgetRef = db.prepare('DELETE FROM refs WHERE id = ?');
    this.#row = stateOfEvent(db);
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

  /** Within a transaction. */
  take(findings: readonly CarvedRow[]): void {
    // Between transactions events may have been given up.
    this.#ledger.changed();
    for (const finding of findings) this.#take(finding);
  }

  #take(finding: CarvedRow): void {
    switch (finding.kind) {
      case 'event':
        this.#event(finding);
        break;
      case 'loss':
        this.#loss(finding);
        break;
      case 'ref':
        this.#ref(finding);
        break;
    }
  }

  #event(found: CarvedEvent): void {
    const { epoch, seq, hour, at: foundAt, reason, body } = found;
    const { marks, now } = this.#with;
    const settledThrough = marks.get(epoch)?.settledThrough ?? 0;
    const state = isOutdated(found, settledThrough) ? STATE.acked : found.state;
    const base = this.#place(epoch, seq);
    const id = base + seq;
    if (this.#isThere.get(id) !== undefined) return;
    // Shipped and acknowledged while this went on, and no longer kept: an older version of it is not to be shipped again.
    if (this.#gone.has(epoch, seq)) return;
    if (found.state === STATE.pending) {
      // The collector was told so: it stays lost, requeued before or not, and its repeat is welcome.
      if (seq <= settledThrough && this.#ledger.isLost(epoch, seq)) return;
      // A version from before it was known for one.
      if (this.#ledger.isDuplicate(epoch, seq)) return;
    }
    const passed = Math.min(foundAt, now());
    // A time ahead of what is the time now is what the collector judges the clock by that stamped it.
    const at = this.#isUnconfirmed(epoch, seq) ? foundAt : passed;
    const insert = (as: State, why: string | null): void => {
      if (this.withoutAcked && as === STATE.acked) {
        this.#gone.add({ epoch, firstSeq: seq, lastSeq: seq });
        return;
      }
      const sum = this.#checksum.of(epoch, seq, hour, crc32c(body), as);
      this.#insert.run(id, epoch, seq, hour, as, at, why?.slice(0, MAX_REASON) ?? null, sum, body);
    };
    // A body that is no event of ours is imported as it is: it is recorded as lost where it would be shipped.
    const event = tryDecodeBody(body);
    if (typeof event === 'string' || !isDeduplicable(event)) {
      insert(state, reason);
      return;
    }
    const content = contentHash(event);
    for (const other of this.#sameRef.all(event.type, event.ref, content)) {
      if (other.id === id || Math.abs(Math.min(other.at, now()) - passed) >= DAY_MS) continue;
      // Of what was given up the repeat was stored: it is that one that counts.
      if (state === STATE.pending && (this.#isRepeat(epoch, other) || this.#ledger.isLost(epoch, seq))) {
        insert(STATE.quarantined, this.#asDuplicate({ epoch, seq, hour }, other));
        return;
      }
      if (
        this.#isFirst(epoch, other.epoch) ||
        (state !== STATE.quarantined && this.#ledger.isLost(other.epoch, other.seq))
      )
        this.#giveUp(other, { epoch, seq });
    }
    insert(state, reason);
    this.#remember.run(id, event.type, event.ref, content, epoch, seq, at);
  }

  /** What is pending beside an event that was found, of the same content, so that one of them counts. @param first the one that does */
  #giveUp({ id, epoch, seq }: KnownRef, first: { readonly epoch: Epoch; readonly seq: number }): void {
    const row = this.#row.get(id);
    if (row === undefined || row.state !== STATE.pending) return;
    const reason = this.#asDuplicate({ epoch, seq, hour: row.hour }, first);
    const sum = (row.sum ^ stateMask(STATE.pending, STATE.quarantined)) >>> 0;
    this.#change.run(STATE.quarantined, this.#with.now(), reason, sum, id);
    this.#forgetRef.run(id);
  }

  /** @returns why, in words */
  #asDuplicate(
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
    this.#place(epoch, last);
    const record: LossRecord = { epoch, first_seq, count, hour, reason, at, detail, acked };
    this.#insertLoss.run(epoch, first_seq, count, hour, reason, at, detail, acked, lossSum(record));
    this.#ledger.changed();
  }

  /** Of an event whose row is no longer kept: a ref of one that is lost must not hide its repeat. */
  #ref({ epoch, seq, type, ref, content, at }: CarvedRef): void {
    const { marks, places, now } = this.#with;
    const mark = marks.get(epoch);
    if (mark === undefined || seq > mark.settledThrough || at <= now() - DAY_MS || at > now()) return;
    if (this.#ledger.isLost(epoch, seq)) return;
    const base = places.baseOf(epoch) ?? this.#place(epoch, seq);
    for (const other of this.#sameRef.all(type, ref, content)) {
      if (this.#isFirst(epoch, other.epoch) || this.#ledger.isLost(other.epoch, other.seq))
        this.#giveUp(other, { epoch, seq });
    }
    this.#remember.run(base + seq, type, ref, content, epoch, seq, at);
  }

  #place(epoch: Epoch, seq: number): number {
    const { places, clocks, marks, now } = this.#with;
    const { base, isNew } = places.make(epoch, seq, now());
    this.placed ||= isNew;
    const from = marks.get(epoch)?.unconfirmedFrom ?? 0;
    if (isNew && this.#isUnconfirmed(epoch, from)) clocks.addUnconfirmed({ first: base + from, last: base + MAX_SEQ });
    return base;
  }

  /** Whether an event was stamped by a clock that nobody has confirmed. Once something is shipped, nobody judges it any more. */
  #isUnconfirmed(epoch: Epoch, seq: number): boolean {
    const from = this.#with.marks.get(epoch)?.unconfirmedFrom ?? 0;
    return !this.isShipping && from > 0 && seq >= from;
  }

  /** Whether of two pending events of one content the one that is found is to be given up. @param other of the one that is here */
  #isRepeat(found: Epoch, other: KnownRef): boolean {
    const here = this.#standing(other.epoch);
    if (this.isShipping && here < STANDING.shipped) return true;
    const standing = this.#standing(found);
    if (standing !== here || found === other.epoch) return standing < here;
    // Of two that the side file does not tell apart either will do, unless one was stored.
    return standing === STANDING.held || this.#row.get(other.id)?.state === STATE.pending;
  }

  /** Whether of two such events the one that is here is to be given up. */
  #isFirst(found: Epoch, other: Epoch): boolean {
    return !this.isShipping && this.#standing(other) < this.#standing(found);
  }

  #standing(epoch: Epoch): number {
    const { marks, places } = this.#with;
    const mark = marks.get(epoch);
    if (mark === undefined) return (places.baseOf(epoch) ?? 0) >= FRESH_BASE ? STANDING.fresh : STANDING.shipped;
    return { free: STANDING.shipped, held: STANDING.held, ahead: STANDING.ahead }[mark.shipping];
  }
}
