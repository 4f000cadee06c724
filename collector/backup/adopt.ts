/**
 * Makes a store of tables that were put in place by other means than `restore`: a new generation,
 * every hour of the raw log due, nothing parked. Until its end no collector uses the store. What
 * was interrupted begins again; a mark made twice is worked off once.
 */
import { Control, type RestoreRecord } from '../store/control.ts';
import { Finality } from '../store/finality.ts';
import { ParkedHours } from '../store/parked-hours.ts';
import type { Tables } from '../store/tables.ts';
import { DORMANT_MS } from '../store/waited-terminals.ts';
import { BackupFailed } from './files.ts';
import { HourMarks, type HourMarksOptions } from './hour-marks.ts';
import type { Watch } from './progress.ts';
import { ALL_ROWS } from './store-rows.ts';

const ROWS_PER_LINE = 50_000;

export interface AdoptOptions extends Watch, HourMarksOptions {
  /** Where the tables are from. */
  readonly set: string;
  /** The generation that the store gets. */
  readonly generation: string;
}

export interface AdoptReport {
  readonly rows: number;
  /** Hours that were marked due. */
  readonly hours: number;
}

/** @throws BackupFailed, StoreUnavailable, or the reason for which `signal` was aborted */
export async function adopt(tables: Tables, options: AdoptOptions): Promise<AdoptReport> {
  const { set, generation, now } = options;
  const control = new Control(tables);
  const before = await control.generation();
  if (before === null) throw new BackupFailed('the tables are of a store that was never initialized');
  let record: RestoreRecord | null = await control.restored();
  const advance = async (next: RestoreRecord): Promise<void> => {
    if (!(await control.recordRestore(next, record))) throw new BackupFailed('another process restores this store');
    record = next;
  };
  const begun = { set, sha256: '', generation, startedAt: now(), finishedAt: null, files: 0 };
  await advance(begun);
  await releaseParked(tables);
  await new Finality(tables).forgetAll(now(), DORMANT_MS);
  const report = await markHours(tables, options);
  if (!(await control.renewGeneration(generation, before)))
    throw new BackupFailed('another process restores this store');
  await advance({ ...begun, finishedAt: now() });
  return report;
}

/** What is parked is parked for rollups that are not there, and its next try had a due mark. */
async function releaseParked(tables: Tables): Promise<void> {
  const parked = new ParkedHours(tables);
  for await (const { logic, ...record } of parked.list())
    await parked.ofLogic(logic).write({ ...record, parts: [], startedAt: null }, record);
}

async function markHours(tables: Tables, options: AdoptOptions): Promise<AdoptReport> {
  const marks = new HourMarks(options);
  let rows = 0;
  for await (const { row } of tables.scan('events', { ...ALL_ROWS, keysOnly: true })) {
    options.signal.throwIfAborted();
    if (++rows % ROWS_PER_LINE === 0) options.progress({ table: 'events', rows, bytes: 0, share: null });
    if (marks.add(row)) await marks.write();
  }
  await marks.write();
  return { rows, hours: marks.count };
}
