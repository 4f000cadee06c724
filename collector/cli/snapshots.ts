/** `backup`, `restore` and `verify-backup` with `--snapshots`: by HBase's own snapshots. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import type { Watch } from '../backup/progress.ts';
import { HBaseCommand } from '../backup/snapshots/hbase-command.ts';
import {
  backUpSnapshots,
  restoreSnapshots,
  type SnapshotPlace,
  verifySnapshots,
} from '../backup/snapshots/snapshots.ts';
import { type CommandContext, type Printed, required, UsageError, withStore } from './command.ts';
import { sizeOf } from './watched.ts';

export const SNAPSHOT_OPTIONS: ParseArgsOptionsConfig = {
  snapshots: { type: 'boolean' },
  hbase: { type: 'string' },
  'no-file-checksums': { type: 'boolean' },
};
export const SNAPSHOT_HELP: readonly string[] = [
  "--snapshots        by HBase's snapshots; DIR is then a URL of Hadoop's, such as hdfs://backup/tillstream",
  "--hbase PATH       HBase's own command `hbase`; default: that of HBASE_HOME, else of PATH",
  '--no-file-checksums  for a file system that keeps none, such as s3a or file: compare lengths only',
];

export async function exportSnapshots(context: CommandContext, watch: Watch, seconds: () => number): Promise<Printed> {
  const place = placeOf(context, watch, 'to');
  const { set, snapshots, bytes } = await withStore(context, (_, tables) =>
    backUpSnapshots(tables, place, context.now()),
  );
  return {
    json: { set, kind: 'snapshots', snapshots, bytes, seconds: seconds() },
    text: `${set}: snapshots, ${sizeOf(bytes ?? 0)} in ${seconds()} s`,
  };
}

export async function importSnapshots(context: CommandContext, watch: Watch, seconds: () => number): Promise<Printed> {
  const place = placeOf(context, watch, 'from');
  const generation = randomUUID();
  const graceMs = context.config.rollup.graceSeconds * 1_000;
  const { set, bytes, rows, hours } = await withStore(context, ({ marks }, tables) =>
    restoreSnapshots(tables, place, { ...watch, set: setOf(context), marks, graceMs, now: context.now, generation }),
  );
  return {
    json: { set, kind: 'snapshots', generation, rows: { events: rows }, bytes, hours, seconds: seconds() },
    text: [
      `restored ${set}: ${rows} batches from snapshots of ${sizeOf(bytes ?? 0)} in ${seconds()} s`,
      `the store's new generation is ${generation}; ${hours} hours are due: start the collectors`,
    ].join('\n'),
  };
}

export async function inspectSnapshots(context: CommandContext, watch: Watch, seconds: () => number): Promise<Printed> {
  const { set, bytes, faults } = await verifySnapshots(placeOf(context, watch, 'from'), setOf(context));
  return {
    json: {
      sets: [{ set, kind: 'snapshots', bytes }],
      faults: faults.map((detail) => ({ set, file: null, detail })),
      seconds: seconds(),
    },
    text: [
      `${set}: snapshots, ${sizeOf(bytes ?? 0)}, looked at in ${seconds()} s`,
      ...(faults.length === 0 ? ['all files are there'] : faults),
    ].join('\n'),
    found: faults.length > 0,
  };
}

const setOf = ({ given }: CommandContext): string | undefined =>
  typeof given.set === 'string' ? given.set : undefined;

function placeOf(
  { config, given, progress = () => undefined }: CommandContext,
  { signal }: Watch,
  where: 'to' | 'from',
): SnapshotPlace {
  if (config.store.kind !== 'hbase') throw new UsageError('--snapshots: the configured store is not HBase');
  const url = required(given, where);
  if (!/^[a-z][a-z0-9+.-]*:\/\//.test(url))
    throw new UsageError(`--${where}: with --snapshots give a URL, such as hdfs://backup/tillstream or file:///backup`);
  const home = process.env.HBASE_HOME;
  const path =
    typeof given.hbase === 'string' ? given.hbase : home === undefined ? 'hbase' : join(home, 'bin', 'hbase');
  const { namespace } = config.store;
  return {
    hbase: new HBaseCommand(path, signal, (line) => progress(`hbase ${line}`)),
    url,
    namespace,
    withoutChecksums: given['no-file-checksums'] === true,
  };
}
