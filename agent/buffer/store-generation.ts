/**
 * Remembers which state of the collector's store the acks are of. A store that was restored from a
 * backup has another generation and may lack what it acknowledged: acked events that are still kept
 * become pending again, in slices between which events are accepted.
 */
import type { Database, Statement } from 'better-sqlite3';
import { KIND } from '../../shared/keys.ts';
import { HOUR_MS } from '../../shared/time.ts';
import type { AckedRun } from '../../shared/wire/messages.ts';
import type { Acknowledged, SeqRange } from '../port/outbox.ts';
import type { LossLedger } from './tables/loss-ledger.ts';
import type { ChangeSet } from './transaction/changeset.ts';
import type { StateTransitions } from './transaction/state-transitions.ts';
import type { TransactionRunner } from './transaction/transaction-runner.ts';

const KEY = 'store_gen';
/**
 * Of acks recovered from a file that does not say: they are offered again, whatever the generation.
 */
const UNKNOWN = '';
/**
 * What is said of the acks in a status: rows that are read, runs of events, loss records; and how
 * long ago the ack may be: a collector keeps what it acknowledged longer. The last acks tell of a
 * store that went back in time. Of one that lost something in between tells one older run: each
 * status names one of an hour before that of the last.
 */
const SAID = { rows: 256, runs: 4, losses: 2, withinMs: 48 * HOUR_MS } as const;

const get = (db: Database): Statement<[string], string> =>
  db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();

/**
 * Of a database that may be damaged; null when it does not say. A damaged value differs from any
 * that comes later.
 */
export function readGeneration(db: Database): string | null {
  try {
    return get(db).get(KEY) ?? null;
  } catch {
    return null;
  }
}

/**
 * For a fresh database that a recovery fills.
 * @param generation that the recovered acks are of; null: unknown
 */
export function inheritGeneration(db: Database, generation: string | null): void {
  db.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)').run(KEY, generation ?? UNKNOWN);
}

export class StoreGeneration {
  readonly #transitions: StateTransitions;
  readonly #losses: LossLedger;
  readonly #now: () => number;
  readonly #get: Statement<[string], string>;
  readonly #set: Statement<[string, string]>;
  /** How long ago the older run was acked that the next status names. */
  #olderMs = HOUR_MS;

  constructor(db: Database, transitions: StateTransitions, losses: LossLedger, now: () => number) {
    this.#now = now;
    this.#transitions = transitions;
    this.#losses = losses;
    this.#get = get(db);
    this.#set = db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  /**
   * Stores the new generation only when everything was offered again: after a crash it starts over.
   */
  async seen(generation: string, transactions: TransactionRunner): Promise<void> {
    const kept = this.#get.get(KEY);
    if (kept === generation) return;
    if (kept !== undefined) {
      for (let after: number | null = 0; after !== null; ) {
        const from: number = after;
        after = await transactions.runBounded((changes, rows) => this.#offerLosses(from, rows, changes));
      }
      while (await transactions.runBounded((changes, rows) => this.#transitions.reoffer(rows, changes) > 0)) {}
    }
    await transactions.runBounded(() => this.#set.run(KEY, generation));
  }

  /** See `Outbox.acknowledged`. */
  acknowledged(): Acknowledged {
    const { rows, runs, losses, withinMs } = SAID;
    const now = this.#now();
    const after = now - withinMs;
    const last = this.#transitions.lastAcked(after, Number.MAX_SAFE_INTEGER, rows, runs);
    const older = this.#transitions.lastAcked(after, now - this.#olderMs, rows, 1);
    this.#olderMs = older.length === 0 ? HOUR_MS : this.#olderMs + HOUR_MS;
    const isLast = ({ epoch, lastSeq }: SeqRange): boolean =>
      last.some((run) => run.epoch === epoch && run.firstSeq <= lastSeq && lastSeq <= run.lastSeq);
    const events = [...last, ...older.filter((run) => !isLast(run))].map(
      ({ epoch, hour, firstSeq, lastSeq }): AckedRun => [KIND.events, epoch, hour, firstSeq, lastSeq],
    );
    const records = this.#losses
      .lastAcked(after, losses)
      .map(
        ({ epoch, hour, first_seq: first, count }): AckedRun => [KIND.losses, epoch, hour, first, first + count - 1],
      );
    return { storeGen: this.#get.get(KEY) || null, runs: [...events, ...records] };
  }

  /** @returns the last one's id; null when there are no more */
  #offerLosses(after: number, rows: number, changes: ChangeSet): number | null {
    const { looked, last, unsent } = this.#losses.reoffer(after, rows);
    changes.addLosses({ events: 0, records: 0, unsent });
    return looked === rows ? last : null;
  }
}
