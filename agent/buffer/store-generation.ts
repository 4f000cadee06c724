/**
 * Which state of the collector's store the acknowledgements here are of. A store that was restored from a backup shows another generation, and
 * may lack what it had acknowledged: what is still kept is offered again, in slices between which events are accepted.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { LossLedger } from './tables/loss-ledger.ts';
import type { ChangeSet, RunBounded } from './transaction/changeset.ts';
import type { StateTransitions } from './transaction/state-transitions.ts';

const KEY = 'store_gen';
/** Of what was brought over from a file that does not tell: it is offered again, whatever the generation. */
const UNKNOWN = '';

const get = (db: Database): Statement<[string], string> =>
  db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();

/** Of a database that may be damaged; null when it does not say. A damaged value is another than any that is to come. */
export function readGeneration(db: Database): string | null {
  try {
    return get(db).get(KEY) ?? null;
  } catch {
    return null;
  }
}

/** For a fresh database that what was acknowledged is brought over into. @param generation that the acknowledgements are of; null: unknown */
export function inheritGeneration(db: Database, generation: string | null): void {
  db.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)').run(KEY, generation ?? UNKNOWN);
}

export class StoreGeneration {
  readonly #transitions: StateTransitions;
  readonly #losses: LossLedger;
  readonly #get: Statement<[string], string>;
  readonly #set: Statement<[string, string]>;

  constructor(db: Database, transitions: StateTransitions, losses: LossLedger) {
    this.#transitions = transitions;
    this.#losses = losses;
    this.#get = get(db);
    this.#set = db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  /** The new generation is kept once nothing more is to be offered again: a crash before that begins anew. */
  async seen(generation: string, transact: RunBounded): Promise<void> {
    const kept = this.#get.get(KEY);
    if (kept === generation) return;
    if (kept !== undefined) {
      for (let after: number | null = 0; after !== null; ) {
        const from: number = after;
        after = await transact((changes, rows) => this.#offerLosses(from, rows, changes));
      }
      while (await transact((changes, rows) => this.#transitions.reoffer(rows, changes) > 0)) {}
    }
    await transact(() => this.#set.run(KEY, generation));
  }

  /** @returns the last one's id; null when there are no more */
  #offerLosses(after: number, rows: number, changes: ChangeSet): number | null {
    const { looked, last, unsent } = this.#losses.reoffer(after, rows);
    changes.addLosses({ events: 0, records: 0, unsent });
    return looked === rows ? last : null;
  }
}
