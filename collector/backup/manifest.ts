/**
 * The manifest of a set: what it holds, and of which store. It is written last, so a set that has
 * one is complete. Format: docs/formats/backup.md.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TableName } from '../store/tables.ts';
import { BackupFailed, writeDurably } from './files.ts';

const FORMAT = 1;
const FILE = 'manifest.json';

/** What cannot be recomputed. */
export const BACKED_UP = ['events', 'terminals', 'control'] as const satisfies readonly TableName[];
export type BackedUp = (typeof BACKED_UP)[number];

const Count = Type.Integer({ minimum: 0 });
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Instant = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$' });
/** Names come from a file that others may have written: no path may leave the set. */
const Name = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9-]*(\\.segment)?$' });

const FileSchema = Type.Object({
  name: Name,
  rows: Count,
  bytes: Count,
  sha256: Sha256,
  /** First and last row key, hex. */
  first: Type.String(),
  last: Type.String(),
  /** Cell times, milliseconds since 1970. */
  earliest: Count,
  latest: Count,
});
const Files = Type.Array(FileSchema);

const ManifestSchema = Type.Object({
  format: Type.Literal(FORMAT),
  name: Name,
  kind: Type.Union([Type.Literal('full'), Type.Literal('incremental')]),
  /** The set that this one adds to, and the checksum of its manifest. */
  base: Type.Union([Type.Null(), Type.Object({ name: Name, sha256: Sha256 })]),
  store: Type.Object({ generation: Type.String(), layout: Count }),
  startedAt: Instant,
  finishedAt: Instant,
  /** Of events: those that arrived from then on. Null: all. */
  since: Type.Union([Type.Null(), Instant]),
  tables: Type.Object({ events: Files, terminals: Files, control: Files }),
  /** Of the JSON of all the rest. */
  sha256: Sha256,
});

export type FileEntry = Static<typeof FileSchema>;
export type Manifest = Static<typeof ManifestSchema>;

const validator = Compile(ManifestSchema);

const checksum = (rest: Omit<Manifest, 'sha256'>): string =>
  createHash('sha256').update(JSON.stringify(rest)).digest('hex');

export async function writeManifest(folder: string, content: Omit<Manifest, 'sha256' | 'format'>): Promise<Manifest> {
  const rest = { format: FORMAT, ...content } as const;
  const manifest = { ...rest, sha256: checksum(rest) };
  await writeDurably(join(folder, FILE), `${JSON.stringify(manifest, null, 1)}\n`);
  return manifest;
}

/** @throws BackupFailed when there is none, or none that can be trusted */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, FILE);
  let manifest: unknown;
  try {
    manifest = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new BackupFailed(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const format = (manifest as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT)
    throw new BackupFailed(`${path} was written by a newer release (format ${format}): use that one or a newer one`);
  if (!validator.Check(manifest)) throw new BackupFailed(`${path} is no manifest of a backup`);
  const { sha256, ...rest } = manifest;
  if (checksum(rest) !== sha256) throw new BackupFailed(`${path} was changed after it was written`);
  return manifest;
}

export const filesOf = ({ tables }: Pick<Manifest, 'tables'>): FileEntry[] =>
  BACKED_UP.flatMap((table) => tables[table]);

export const sum = (files: readonly FileEntry[], of: 'rows' | 'bytes'): number =>
  files.reduce((total, file) => total + file[of], 0);
