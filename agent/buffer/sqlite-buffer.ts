/**
 * The buffer on SQLite: what `port.ts` promises.
 *
 * Memory holds the open epoch, the numbering and which ids are pending (`PendingSet`); all of it follows the rows, after each commit. Within a
 * transaction the changes gather in a `Draft`; a rollback drops it.
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { TillEvent } from '../../shared/event/event.ts';
import { type Epoch, type MerchantId, type StreamId, streamId, type TerminalId } from '../../shared/ids.ts';
import { DAY_MS, HOUR_MS } from '../../shared/time.ts';
import { Acceptance } from './acceptance.ts';
import { Budget, checkpointPages, defaultMinFreeBytes, usageOf } from './budget.ts';
import { isFull } from './buffer-error.ts';
import { inWords, openForWriting, type WritableDatabase } from './connection.ts';
import { Draft } from './draft.ts';
import { listEpochs, openEpoch, pendingOf } from './epochs.ts';
import { EventRows, type Unreadable } from './event-rows.ts';
import { type Counts, countRows, describe, loadPending } from './facts.ts';
import { GroupCommit } from './group-commit.ts';
import { intakeRequest } from './intake-request.ts';
import type { PendingSet } from './pending-set.ts';
import type { Accepted, BufferFacts, Holdings, Intake, Outbox, PendingEvent, SeqRange, Settlement } from './port.ts';
import { Refs } from './refs.ts';
import { STATE } from './row.ts';

/** Rows that one slice of expiry deletes at most, of each table. */
const EXPIRED_AT_ONCE = 500;

export interface BufferOptions {
  readonly path: string;
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly maxBytes: number;
  /** Null: the lesser of 64 MiB and 5 % of the file system. */
  readonly minFreeBytes: number | null;
  readonly keepAckedHours: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Told of rows that are not what was written. */
  readonly damaged: (detail: string) => void;
  /** Bytes that the buffer's file system has left. */
  readonly diskFree: () => number;
}

export class SqliteBuffer implements Intake, Outbox {
  readonly #file: WritableDatabase;
  readonly #db: Database;
  readonly #options: BufferOptions;
  readonly #epoch: Epoch;
  readonly #base: number;
  readonly #openedAt: number;
  readonly #rows: EventRows;
  readonly #refs: Refs;
  readonly #budget: Budget;
  readonly #commits: GroupCommit;
  readonly #acceptance: Acceptance;
  readonly #listeners: (() => void)[] = [];
  /** Of the epochs before this one. */
  readonly #older: ReturnType<typeof listEpochs>;
  readonly #bases: Map<Epoch, number>;
  readonly #counts: Counts;
  #pending: PendingSet;
  #lastId: number;
  #draft: Draft | null = null;

  /** @throws BufferError when the file can't be opened for a reason to tell; else on a fault of the disk */
  constructor(options: BufferOptions) {
    const { path, terminal, merchant, now, randomBytes } = options;
    this.#options = options;
    this.#file = openForWriting(path, { merchant, terminal }, checkpointPages(options.maxBytes));
    const { db } = this.#file;
    this.#db = db;
    try {
      this.#epoch = openEpoch(db, randomBytes(8), now());
      const epochs = listEpochs(db);
      this.#older = epochs.slice(0, -1);
      this.#bases = new Map(epochs.map(({ epoch, base }) => [epoch, base]));
      const open = epochs.at(-1)!;
      assert.equal(open.epoch, this.#epoch);
      this.#base = open.base;
      this.#openedAt = open.openedAt;
      this.#lastId = this.#base;
      this.#pending = loadPending(db);
      this.#counts = countRows(db);
      this.#rows = new EventRows(db);
      this.#refs = new Refs(db);
      const minFreeBytes = options.minFreeBytes ?? defaultMinFreeBytes(path);
      this.#budget = new Budget(db, resolve(path), { maxBytes: options.maxBytes, minFreeBytes }, options.diskFree);
      this.#acceptance = new Acceptance(db, {
        rows: this.#rows,
        refs: this.#refs,
        budget: this.#budget,
        terminal,
        epoch: this.#epoch,
        base: this.#base,
        now,
      });
      this.#commits = new GroupCommit(db, {
        begin: (bytes) => {
          this.#file.assertInPlace();
          this.#counts.acked -= this.#budget.makeRoom(bytes);
          this.#draft = new Draft(this.#lastId);
        },
        committed: () => this.#follow(),
        rolledBack: () => {
          this.#draft = null;
        },
      });
    } catch (error) {
      this.#file.close();
      throw inWords(error, path);
    }
  }

  get stream(): StreamId {
    return streamId(this.#options.terminal, this.#epoch);
  }

  async accept(events: readonly TillEvent[]): Promise<Accepted> {
    const request = intakeRequest(events);
    try {
      return await this.#commits.submit(request.bytes, () => this.#acceptance.store(request, this.#draft!));
    } catch (error) {
      if (isFull(error)) return { kind: 'full', detail: 'the disk has no space left' };
      throw error;
    }
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const work = () => {
      for (const settlement of settlements) {
        const reason = settlement.kind === 'stored' ? null : settlement.reason;
        this.#settleRows(this.#idsOf(settlement), reason);
      }
    };
    try {
      await this.#commits.submit(0, work);
    } catch (error) {
      if (!isFull(error)) throw error;
      // Settling is what makes room, so it gets some: from the log, and from what is kept for support only.
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
      this.#counts.acked -= this.#budget.evictOldest();
      await this.#commits.submit(0, work);
    }
  }

  pending(after: number, limit: number, maxBytes: number): PendingEvent[] {
    const { events, unreadable } = this.#rows.pending(this.#pending, after, limit, maxBytes, (epoch) =>
      this.#bases.get(epoch),
    );
    if (unreadable.length > 0) void this.#setAside(unreadable);
    return events;
  }

  pendingAfter(after: number): number {
    return this.#pending.countAfter(after);
  }

  oldestPending(): number | null {
    const hour = this.#pending.oldestHour;
    return hour === null ? null : hour * HOUR_MS;
  }

  onPending(listener: () => void): void {
    this.#listeners.push(listener);
  }

  holdings(): Holdings {
    const { ranges, count } = this.#pending;
    const older = this.#older
      .map(({ epoch, base, lastSeq }) => ({ epoch, lastSeq, pending: pendingOf({ base, lastSeq }, ranges) }))
      .filter(({ pending }) => pending.length > 0);
    const lastSeq = this.#lastId - this.#base;
    const open = { epoch: this.#epoch, lastSeq, pending: pendingOf({ base: this.#base, lastSeq }, ranges) };
    const { used, wal } = usageOf(this.#db, resolve(this.#options.path));
    return {
      epochs: [...older, open],
      open: this.#epoch,
      pending: count,
      losses: this.#counts.quarantined,
      bytes: used + wal,
    };
  }

  /** The same as `readFacts` reads from the file, at less cost. */
  facts(): BufferFacts {
    const open = { epoch: this.#epoch, base: this.#base, lastSeq: this.#lastId - this.#base, openedAt: this.#openedAt };
    return describe(this.#db, resolve(this.#options.path), this.#pending, [...this.#older, open], { ...this.#counts });
  }

  /**
   * Deletes a slice of what is kept no longer: acked events and refs.
   *
   * @returns whether there may be more
   */
  expire(): boolean {
    const { now, keepAckedHours } = this.#options;
    const keptMs = keepAckedHours * HOUR_MS;
    const events = this.#rows.expire(now() - keptMs, now() + DAY_MS, EXPIRED_AT_ONCE);
    const refs = this.#refs.expire(EXPIRED_AT_ONCE, now());
    this.#counts.acked -= events;
    this.#counts.refs -= refs;
    return events === EXPIRED_AT_ONCE || refs === EXPIRED_AT_ONCE;
  }

  /** Commits what was handed over, and closes the file. */
  close(): void {
    this.#commits.flush();
    this.#file.close();
  }

  #idsOf({ epoch, firstSeq, lastSeq }: SeqRange): { first: number; last: number } {
    const base = this.#bases.get(epoch);
    assert(base !== undefined, `epoch ${epoch} is not of this buffer`);
    return { first: base + firstSeq, last: base + lastSeq };
  }

  /** Runs within the transaction. */
  #settleRows(range: { first: number; last: number }, reason: string | null): void {
    const state = reason === null ? STATE.acked : STATE.quarantined;
    const hours = this.#rows.settle(range, state, reason, this.#options.now());
    const draft = this.#draft!;
    draft.settle(range, hours);
    for (const count of hours.values()) {
      if (reason === null) draft.acked += count;
      else draft.quarantined += count;
    }
  }

  async #setAside(unreadable: readonly Unreadable[]): Promise<void> {
    for (const { id, detail } of unreadable) this.#options.damaged(`event ${id} cannot be read: ${detail}`);
    try {
      await this.#commits.submit(0, () => {
        for (const { id, detail } of unreadable) this.#settleRows({ first: id, last: id }, `unreadable: ${detail}`);
      });
    } catch (error) {
      this.#options.damaged(`unreadable events could not be set aside: ${(error as Error).message}`);
    }
  }

  /** Memory follows the rows. */
  #follow(): void {
    const draft = this.#draft!;
    this.#draft = null;
    this.#lastId = draft.lastId;
    this.#counts.acked += draft.acked;
    this.#counts.quarantined += draft.quarantined;
    this.#counts.refs += draft.refs;
    this.#counts.refConflicts += draft.refConflicts;
    if (!draft.applyTo(this.#pending)) this.#countAnew();
    if (draft.acceptedAny) for (const listener of this.#listeners) listener();
  }

  #countAnew(): void {
    const { damaged } = this.#options;
    damaged('the number of pending events does not add up: counting anew');
    try {
      this.#pending = loadPending(this.#db);
    } catch (error) {
      damaged(`pending events cannot be counted: ${(error as Error).message}`);
    }
  }
}
