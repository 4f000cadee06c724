/** `backup`, `restore` and `verify-backup`: what cannot be recomputed, in a folder and back. */
import { randomUUID } from 'node:crypto';
import { backUp } from '../backup/backup.ts';
import { BACKED_UP, filesOf, type Manifest, sum } from '../backup/manifest.ts';
import { restore } from '../backup/restore.ts';
import { verify } from '../backup/verify.ts';
import { type Command, type Given, required, withStore } from './command.ts';
import { exportSnapshots, importSnapshots, inspectSnapshots, SNAPSHOT_HELP, SNAPSHOT_OPTIONS } from './snapshots.ts';
import { sizeOf, watched } from './watched.ts';

const FAULTS_SHOWN = 20;

const SET_HELP = '--set NAME         a certain set of the folder; the newest if left out';

export const backupStore: Command = {
  name: 'backup',
  summary: 'writes the raw log, terminals and keys into a folder, beside running collectors',
  options: { to: { type: 'string' }, full: { type: 'boolean' }, ...SNAPSHOT_OPTIONS },
  help: [
    '--to DIR           the folder: each backup adds a set to it; after the first one only what arrived since',
    '--full             everything once more, in a set that needs no other',
    ...SNAPSHOT_HELP,
  ],
  examples: [
    'backup --to /backup/tillstream --config config/collector.yaml',
    'backup --to hdfs://backup/tillstream --snapshots --config config/collector.yaml',
  ],
  run: (context) =>
    watched(context, 'backup', async (watch, seconds) => {
      if (context.given.snapshots === true) return exportSnapshots(context, watch, seconds);
      const options = { ...watch, dir: required(context.given, 'to'), full: context.given.full === true };
      const { manifest, resumed } = await withStore(context, (_, tables) =>
        backUp(tables, { ...options, now: context.now }),
      );
      const { name, kind } = manifest;
      const { rows, bytes, ...set } = entryOf(manifest);
      const resumedText = resumed ? ', begun by an interrupted one' : '';
      return {
        json: { ...set, store: manifest.store, rows, bytes, resumed, seconds: seconds() },
        text: `${name}: ${kind}${resumedText}, ${rows.events} batches, ${sizeOf(bytes)} in ${seconds()} s`,
      };
    }),
};

export const restoreStore: Command = {
  name: 'restore',
  summary: 'puts a backup into an empty store; tills send again what is newer, and figures are rolled up anew',
  options: { from: { type: 'string' }, set: { type: 'string' }, ...SNAPSHOT_OPTIONS },
  help: ['--from DIR         the folder that `backup` wrote', SET_HELP, ...SNAPSHOT_HELP],
  examples: ['restore --from /backup/tillstream --config config/collector.yaml'],
  run: (context) =>
    watched(context, 'restore', async (watch, seconds) => {
      if (context.given.snapshots === true) return importSnapshots(context, watch, seconds);
      const { chain, ...report } = await withStore(context, ({ marks }, tables) =>
        restore(tables, {
          ...{ ...watch, ...source(context.given), marks, now: context.now, generation: randomUUID() },
          graceMs: context.config.rollup.graceSeconds * 1_000,
        }),
      );
      const sets = chain.map(({ name }) => name);
      return {
        json: { set: sets.at(-1), sets, ...report, seconds: seconds() },
        text: [
          `restored ${sets.at(-1)}: ${report.rows.events} batches from ${sizeOf(report.bytes)} in ${seconds()} s`,
          `the store's new generation is ${report.generation}; ${report.hours} hours are due: start the collectors`,
        ].join('\n'),
      };
    }),
};

export const verifyBackup: Command = {
  name: 'verify-backup',
  summary: 'reads a backup as a restore would, and checks every file, key and batch; exit code 1 if one is wrong',
  options: { from: { type: 'string' }, set: { type: 'string' }, ...SNAPSHOT_OPTIONS },
  help: ['--from DIR         the folder that `backup` wrote', `${SET_HELP}; with what it adds to`, ...SNAPSHOT_HELP],
  examples: ['verify-backup --from /backup/tillstream --json --config config/collector.yaml'],
  run: (context) =>
    watched(context, 'verify-backup', async (watch, seconds) => {
      if (context.given.snapshots === true) return inspectSnapshots(context, watch, seconds);
      const { chain, rows, bytes, faults, faultsNotListed } = await verify({ ...watch, ...source(context.given) });
      const lines = faults
        .slice(0, FAULTS_SHOWN)
        .map(({ set, file, detail }) => `${[set, file].filter((part) => part !== null).join('/')}: ${detail}`);
      const more = faults.length + faultsNotListed - lines.length;
      return {
        json: { sets: chain.map(entryOf), rows, bytes, faults, faultsNotListed, seconds: seconds() },
        text: [
          ...chain.map(({ name, kind }) => `${name}: ${kind}`),
          `${rows} rows, ${sizeOf(bytes)} read in ${seconds()} s`,
          ...(faults.length === 0 ? ['all is sound'] : lines),
          ...(more > 0 ? [`… and ${more} more`] : []),
        ].join('\n'),
        found: faults.length > 0,
      };
    }),
};

const source = (given: Given): { dir: string; set?: string } => ({
  dir: required(given, 'from'),
  ...(typeof given.set === 'string' && { set: given.set }),
});

function entryOf(manifest: Manifest) {
  const { name, kind, base, startedAt, finishedAt, since, tables } = manifest;
  const rows = Object.fromEntries(BACKED_UP.map((table) => [table, sum(tables[table], 'rows')]));
  const bytes = sum(filesOf(manifest), 'bytes');
  return { set: name, kind, base: base?.name ?? null, startedAt, finishedAt, since, rows, bytes };
}
