/**
 * Puts a set, with all that it adds to, into an empty store: the raw log oldest first, then
 * terminals and control, then the store's new generation. Every hour of the raw log is marked due,
 * so that the next roll-ups make its figures anew. Until its end no collector uses the store.
 *
 * All rows keep their cell times, so what is put twice is put once: a restore that was interrupted
 * goes on with the file at which it ended.
 */
import { join } from 'node:path';
import { Control, type RestoreRecord } from '../store/control.ts';
import { withoutClearance } from '../store/finality.ts';
import { LAYOUT } from '../store/initialize-store.ts';
import { type Put, TABLES, type Tables } from '../store/tables.ts';
import { DORMANT_MS } from '../store/waited-terminals.ts';
import { BackupFailed } from './files.ts';
import { HourMarks, type HourMarksOptions } from './hour-marks.ts';
import { type BackedUp, type FileEntry, type Manifest, sum } from './manifest.ts';
import type { Watch } from './progress.ts';
import { readSegment } from './segment.ts';
import { type BackupSet, readChain } from './sets.ts';
import { ALL_ROWS } from './store-rows.ts';

/** Rows of one write: an fsync each, and memory for as many batches. */
const ROWS_PER_WRITE = 1_000;
const BYTES_PER_WRITE = 4 * 1024 * 1024;

export interface RestoreOptions extends Watch, HourMarksOptions {
  readonly dir: string;
  /** Name of the set; left out: the newest. */
  readonly set?: string | undefined;
  /** The generation that the store gets, if this restore is not one that goes on. */
  readonly generation: string;
}

export interface RestoreReport {
  readonly chain: readonly Manifest[];
  readonly generation: string;
  /** Rows put, by table; of events that two sets hold, each. */
  readonly rows: Readonly<Record<BackedUp, number>>;
  readonly bytes: number;
  /** Due marks made by this run: hours of the raw log, some more than once. */
  readonly hours: number;
  /** Whether it went on with one that had been interrupted. */
  readonly resumed: boolean;
}

interface SourceFile {
  readonly table: BackedUp;
  readonly path: string;
  readonly entry: FileEntry;
}

/** @throws BackupFailed, StoreUnavailable, or the reason for which `signal` was aborted */
export async function restore(tables: Tables, options: RestoreOptions): Promise<RestoreReport> {
  const { dir, set, now, signal, progress } = options;
  const chain = await readChain(dir, set);
  const { manifest } = chain.at(-1)!;
  if (manifest.store.layout !== LAYOUT)
    throw new BackupFailed(
      `the backup is of a store of layout ${manifest.store.layout}, and this release needs ${LAYOUT}`,
    );
  await tables.init();
  const control = new Control(tables);
  const { record, resumed } = await begin(tables, control, manifest, options);
  const files = filesOfChain(chain);
  const whole = files.reduce((bytes, { entry }) => bytes + entry.bytes, 0);
  let current = record;
  const advance = async (next: Partial<RestoreRecord>): Promise<void> => {
    const after = { ...current, ...next };
    if (!(await control.recordRestore(after, current)))
      throw new BackupFailed('another process restores into this store');
    current = after;
  };
  let [rows, bytes, hours] = [0, 0, 0];
  for (const [index, file] of files.entries()) {
    if (index >= record.files) {
      signal.throwIfAborted();
      hours += await putFile(tables, file, options, Date.parse(manifest.startedAt) - DORMANT_MS);
      await advance({ files: index + 1 });
    }
    rows += file.entry.rows;
    bytes += file.entry.bytes;
    progress({ table: file.table, rows, bytes, share: bytes / whole });
  }
  await control.storeGen(record.generation);
  await advance({ finishedAt: now() });
  const rowsOf = (table: BackedUp): number => {
    const of = files.filter((file) => file.table === table);
    return sum(
      of.map(({ entry }) => entry),
      'rows',
    );
  };
  return {
    chain: chain.map((one) => one.manifest),
    generation: record.generation,
    rows: { events: rowsOf('events'), terminals: rowsOf('terminals'), control: rowsOf('control') },
    ...{ bytes, hours, resumed },
  };
}

/** Takes the store, unless it holds something else than the beginning of this restore. */
async function begin(
  tables: Tables,
  control: Control,
  { name, sha256 }: Manifest,
  { generation, now }: RestoreOptions,
): Promise<{ record: RestoreRecord; resumed: boolean }> {
  const found = await control.restored();
  if (found !== null) {
    if (found.finishedAt === null && found.sha256 === sha256) return { record: found, resumed: true };
    const half = found.finishedAt === null ? ', in part' : '';
    throw new BackupFailed(
      `the store holds the set ${found.set}${half}: restore into an empty store (another path, or another namespace)`,
    );
  }
  for (const table of TABLES) {
    const rows = await Array.fromAsync(tables.scan(table, { ...ALL_ROWS, keysOnly: true, limit: 1 }));
    if (rows.length > 0)
      throw new BackupFailed(
        `the store is not empty (${table}): stop its collectors, and restore into an empty one (another path, or another namespace)`,
      );
  }
  const record = { set: name, sha256, generation, startedAt: now(), finishedAt: null, files: 0 };
  if (!(await control.recordRestore(record, null))) throw new BackupFailed('another process restores into this store');
  return { record, resumed: false };
}

/** Events of all sets; terminals and control of the last one, which holds them whole. */
function filesOfChain(chain: readonly BackupSet[]): SourceFile[] {
  const of = (table: BackedUp, sets: readonly BackupSet[]): SourceFile[] =>
    sets.flatMap(({ folder, manifest }) =>
      manifest.tables[table].map((entry) => ({ table, path: join(folder, entry.name), entry })),
    );
  const last = chain.slice(-1);
  return [...of('events', chain), ...of('terminals', last), ...of('control', last)];
}

/**
 * @param dormant epochs that were last seen before are not waited for, milliseconds since 1970
 * @returns how many hours were marked due, after their rows were durable
 */
async function putFile(
  tables: Tables,
  { table, path, entry }: SourceFile,
  options: RestoreOptions,
  dormant: number,
): Promise<number> {
  const marks = new HourMarks(options);
  let puts: Put[] = [];
  let bytes = 0;
  const write = async (): Promise<void> => {
    await tables.put(table, puts);
    [puts, bytes] = [[], 0];
  };
  for await (const found of readSegment(path, entry)) {
    const { row, time, cells } = found;
    puts.push(table === 'terminals' ? withoutClearance(found, options.now(), dormant) : { row, time, cells });
    for (const value of cells.values()) bytes += value.length;
    if (table === 'events') marks.add(row);
    if (puts.length >= ROWS_PER_WRITE || bytes >= BYTES_PER_WRITE) await write();
  }
  await write();
  await marks.write();
  return marks.count;
}
