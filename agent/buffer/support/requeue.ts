/**
 * Makes quarantined events pending again, on support's order: for events that the collector refused
 * and now accepts.
 *
 * It works beside a running agent, which notices the write (`ExternalWriteDetector`). The loss
 * record stays: stored beats pending beats lost. The reason stays too: by it recovery tells a
 * requeued event from an older version of its row.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import type { Epoch } from '../../../shared/ids.ts';
import type { SeqRange } from '../../port/outbox.ts';
import { BufferError } from '../disk/buffer-error.ts';
import { assertHoldsSomething, notOurs } from '../disk/empty-database.ts';
import { listEpochs } from '../tables/epochs.ts';
import { type EventRow, RowCheck, STATE, stateMask, tryDecodeBody } from '../tables/event-row.ts';
import { quarantinedRows, requeueEvent, statesBetween } from '../tables/event-statements.ts';
import { isSound, type LossRow } from '../tables/loss-record.ts';
import { checkVersion, SCHEMA_VERSION } from '../tables/schema.ts';

/** Rows per transaction: the agent's answers wait for it. */
const AT_ONCE = 200;
const BUSY_MS = 5_000;

export interface Requeued {
  readonly requeued: number;
  /** Duplicates that were left out because all events were meant: they would be counted twice. */
  readonly duplicates: number;
  /** Damaged rows, which cannot be shipped, and named duplicates, which would be counted twice. */
  readonly refused: readonly { readonly epoch: Epoch; readonly seq: number; readonly fault: string }[];
}

/**
 * Opens a connection for `requeue`, also to a buffer that an agent has open.
 *
 * @throws BufferError when there is no buffer, or one of another schema
 */
export function openForRequeue(path: string): Database {
  const full = resolve(path);
  if (existsSync(full)) assertHoldsSomething(full, path);
  let db: Database;
  try {
    db = new Sqlite(full, { fileMustExist: true, timeout: BUSY_MS });
  } catch (cause) {
    throw new BufferError(`${path}: cannot be opened: ${(cause as Error).message}`, { cause });
  }
  try {
    const version = checkVersion(db, path);
    if (version !== SCHEMA_VERSION) {
      if (version === 0) throw notOurs(db, full, path);
      throw new BufferError(
        `${path}: was written by an older agent (schema ${version}): start the new one first, it migrates the file`,
      );
    }
    db.pragma('synchronous = FULL');
    return db;
  } catch (cause) {
    db.close();
    if (cause instanceof BufferError) throw cause;
    throw new BufferError(`${path}: cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

/** By epoch and seq of each duplicate, a message that names the event it repeats. */
function repeatedBy(db: Database): Map<string, string> {
  const records = db.prepare<[], LossRow>("SELECT * FROM losses WHERE reason = 'duplicate'").all().filter(isSound);
  return new Map(
    records.flatMap(({ epoch, first_seq, count, detail }) =>
      Array.from({ length: count }, (_, at) => [`${epoch} ${first_seq + at}`, detail ?? 'a repeat'] as const),
    ),
  );
}

const NAMES = { [STATE.pending]: 'pending', [STATE.acked]: 'acked', [STATE.quarantined]: 'quarantined' } as const;

/** Explains why none of these events could be requeued. */
export function notQuarantined(db: Database, { epoch, firstSeq, lastSeq }: SeqRange): string {
  const known = listEpochs(db).find((opened) => opened.epoch === epoch);
  if (known === undefined) return 'this buffer knows no such stream';
  const last = known.base + Math.min(lastSeq, known.lastSeq);
  const states = statesBetween(db).all(epoch, known.base + firstSeq, last);
  const what = firstSeq === lastSeq ? 'it is' : 'they are';
  if (states.length > 0) return `${what} ${states.map((state) => NAMES[state]).join(' and ')}, not quarantined`;
  return firstSeq > known.lastSeq ? `the stream ends at seq ${known.lastSeq}` : `${what} no longer kept`;
}

/**
 * @param which null: all quarantined events except duplicates
 * @param now milliseconds since 1970
 * @param dryRun changes nothing, and reports what would be done
 * @throws on a fault of the disk, and when the agent keeps the file busy
 */
export function requeue(db: Database, which: SeqRange | null, now: number, dryRun = false): Requeued {
  const read = quarantinedRows(db);
  const change = requeueEvent(db);
  const check = new RowCheck();
  const faultOf = (row: EventRow): string | null => {
    const event = check.fault(row) ?? tryDecodeBody(row.body);
    return typeof event === 'string' ? event : null;
  };
  const mask = stateMask(STATE.quarantined, STATE.pending);
  const repeated = repeatedBy(db);
  const { epoch, firstSeq, lastSeq } = which ?? { epoch: null, firstSeq: 0, lastSeq: Number.MAX_SAFE_INTEGER };
  const refused: { epoch: Epoch; seq: number; fault: string }[] = [];
  let requeued = 0;
  let duplicates = 0;
  const slice = (after: number): number | null => {
    const rows = read.all({ after, limit: AT_ONCE, epoch, first: firstSeq, last: lastSeq });
    for (const row of rows) {
      const same = repeated.get(`${row.epoch} ${row.seq}`);
      if (same !== undefined && which === null) {
        duplicates++;
        continue;
      }
      const fault = same === undefined ? faultOf(row) : `it is ${same}, and would count twice`;
      if (fault !== null) refused.push({ epoch: row.epoch, seq: row.seq, fault });
      else {
        if (!dryRun) change.run(now, (row.sum ^ mask) >>> 0, row.id);
        requeued++;
      }
    }
    return rows.length < AT_ONCE ? null : rows.at(-1)!.id;
  };
  const transaction = db.transaction(slice);
  for (let after: number | null = 0; after !== null; )
    after = dryRun ? transaction.deferred(after) : transaction.immediate(after);
  return { requeued, duplicates, refused };
}
