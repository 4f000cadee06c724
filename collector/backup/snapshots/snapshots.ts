/**
 * Backup of a region's HBase by snapshots: `snapshot` in HBase's shell, `hbase snapshot export` to
 * another file system; on restore `export` back, and `clone_snapshot`. A set is a snapshot of each
 * table, of one time. The export copies only files that the target does not have yet.
 */
import { Control } from '../../store/control.ts';
import { checkLayout } from '../../store/initialize-store.ts';
import type { Tables } from '../../store/tables.ts';
import { type AdoptReport, adopt } from '../adopt.ts';
import { BackupFailed } from '../files.ts';
import type { HourMarksOptions } from '../hour-marks.ts';
import { BACKED_UP, type BackedUp } from '../manifest.ts';
import type { Watch } from '../progress.ts';
import type { HBaseCommand } from './hbase-command.ts';

const NAMES_SHOWN = 20;
const CONF_TOOL = 'org.apache.hadoop.hbase.util.HBaseConfTool';

export interface SnapshotPlace {
  readonly hbase: HBaseCommand;
  /** A folder of a file system that Hadoop knows, such as `hdfs://backup/tillstream`. */
  readonly url: string;
  readonly namespace: string;
  /** For file systems without checksums of files: the copies' lengths are compared instead. */
  readonly withoutChecksums: boolean;
}

export interface SnapshotSet {
  readonly set: string;
  /** By table, the names of the snapshots. */
  readonly snapshots: Readonly<Record<BackedUp, string>>;
  /** Bytes of the files that they consist of; null: not asked for. */
  readonly bytes: number | null;
}

/**
 * Events come first, as in `backup`. The snapshots are removed from the region once they are
 * copied: kept, they would keep the files of each day. After a failure they stay: the message of
 * the command that failed names one.
 */
export async function backUpSnapshots(
  tables: Tables,
  { hbase, url, namespace, withoutChecksums }: SnapshotPlace,
  now: number,
): Promise<SnapshotSet> {
  const control = new Control(tables);
  await checkLayout(control);
  if ((await control.generation()) === null)
    throw new BackupFailed('the store was never initialized, so there is nothing to back up');
  const set = new Date(now).toISOString().replaceAll(/[-:.]/g, '');
  const snapshots = snapshotsOf(namespace, set);
  const names = Object.values(snapshots);
  await hbase.shell(...BACKED_UP.map((table) => `snapshot '${namespace}:${table}', '${snapshots[table]}'`));
  for (const name of names) await hbase.run(exportOf(name, ['--copy-to', url], withoutChecksums));
  await hbase.shell(...names.map((name) => `delete_snapshot '${name}'`));
  return { set, snapshots, bytes: (await statsOf({ hbase, url }, snapshots)).bytes };
}

/** @returns what is missing or damaged in a set, a sentence each */
export async function verifySnapshots(place: SnapshotPlace, set?: string): Promise<SnapshotSet & { faults: string[] }> {
  const found = await findSet(place, set);
  return { ...found, ...(await statsOf(place, found.snapshots)) };
}

export interface SnapshotRestoreOptions extends Watch, HourMarksOptions {
  readonly set?: string | undefined;
  readonly generation: string;
}

/** Into a namespace that has none of the tables. */
export async function restoreSnapshots(
  tables: Tables,
  place: SnapshotPlace,
  options: SnapshotRestoreOptions,
): Promise<SnapshotSet & AdoptReport> {
  const { hbase, url, namespace, withoutChecksums } = place;
  const found = await verifySnapshots(place, options.set);
  const [fault] = found.faults;
  if (fault !== undefined) throw new BackupFailed(fault);
  const names = BACKED_UP.map((table) => found.snapshots[table]);
  if (!(await isAdoptable(tables, found.set))) {
    const root = (await hbase.run([CONF_TOOL, 'hbase.rootdir'])).trim().split('\n').at(-1)!;
    for (const name of names)
      await hbase.run(exportOf(name, ['--copy-from', url, '--copy-to', root, '--overwrite'], withoutChecksums));
    // It may exist already; if it does not, the clone says so.
    await hbase.shell(`create_namespace '${namespace}'`).catch(() => undefined);
    await hbase.shell(
      ...BACKED_UP.map((table) => `clone_snapshot '${found.snapshots[table]}', '${namespace}:${table}'`),
      ...names.map((name) => `delete_snapshot '${name}'`),
    );
  }
  await tables.init();
  return { ...found, ...(await adopt(tables, { ...options, set: found.set })) };
}

/** Whether the tables are cloned already, by a restore that was interrupted after that. */
async function isAdoptable(tables: Tables, set: string): Promise<boolean> {
  const record = await new Control(tables).restored().catch(() => null);
  return record !== null && record.finishedAt === null && record.set === set;
}

const snapshotsOf = (namespace: string, set: string): Record<BackedUp, string> => {
  const nameOf = (table: BackedUp): string => `tillstream-${namespace}-${table}-${set}`;
  return { events: nameOf('events'), terminals: nameOf('terminals'), control: nameOf('control') };
};

const exportOf = (name: string, where: readonly string[], withoutChecksums: boolean): string[] => [
  ...['snapshot', 'export', '--snapshot', name, ...where],
  ...(withoutChecksums ? ['--no-checksum-verify'] : []),
];

/** The newest complete set at the place, or a certain one; its namespace may be another. */
async function findSet({ hbase, url }: SnapshotPlace, wanted: string | undefined): Promise<SnapshotSet> {
  const listed = await hbase.run(['snapshot', 'info', '-list-snapshots', '-remote-dir', url]);
  const names = new Set(listed.match(/tillstream-\w+-(?:events|terminals|control)-\d{8}T\d{9}Z/g) ?? []);
  const sets = [...names]
    .flatMap((name) => {
      const [, namespace, set] = /^tillstream-(\w+)-control-(\d{8}T\d{9}Z)$/.exec(name) ?? [];
      return namespace === undefined ? [] : [{ set: set!, snapshots: snapshotsOf(namespace, set!), bytes: null }];
    })
    .filter(({ snapshots }) => Object.values(snapshots).every((name) => names.has(name)))
    .sort((a, b) => (a.set < b.set ? -1 : 1));
  const found = wanted === undefined ? sets.at(-1) : sets.find(({ set }) => set === wanted);
  if (found !== undefined) return found;
  const there = sets.map(({ set }) => set).slice(-NAMES_SHOWN);
  throw new BackupFailed(
    `there is no ${wanted === undefined ? 'complete set' : `set ${wanted}`} in ${url}; there are: ${there.join(', ') || 'none'}`,
  );
}

async function statsOf(
  { hbase, url }: Pick<SnapshotPlace, 'hbase' | 'url'>,
  snapshots: SnapshotSet['snapshots'],
): Promise<{ bytes: number; faults: string[] }> {
  let bytes = 0;
  const faults: string[] = [];
  for (const name of Object.values(snapshots)) {
    const args = ['snapshot', 'info', '-snapshot', name, '-remote-dir', url, '-files', '-stats', '-size-in-bytes'];
    const info = await hbase.run(args);
    bytes += Number(/total size (\d+)/.exec(info)?.[1] ?? 0);
    const bad = /(\d+) hfile\(s\) and (\d+) log\(s\) missing\.\s*(\d+) hfile\(s\) corrupted/.exec(info);
    if (bad !== null) faults.push(`snapshot ${name}: ${bad[1]} files are missing, ${bad[3]} are damaged`);
    else if (!info.includes(name)) faults.push(`snapshot ${name}: ${info.trim().slice(-500)}`);
  }
  return { bytes, faults };
}
