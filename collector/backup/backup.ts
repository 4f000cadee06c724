/**
 * Writes a set: what cannot be recomputed, read through the store's port beside running collectors.
 *
 * The raw log comes first: of what is stored meanwhile, some is in the set, and the next one has
 * the rest. Terminals and control follow, so that no batch is there without its till's
 * registration.
 */
import { Buffer } from 'node:buffer';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { HOUR_MS } from '../../shared/time.ts';
import { Control } from '../store/control.ts';
import { checkLayout } from '../store/initialize-store.ts';
import type { Tables } from '../store/tables.ts';
import { BackupFailed, makeFolder, syncFolder } from './files.ts';
import { Journal, type Plan } from './journal.ts';
import { BACKED_UP, type BackedUp, type Manifest, writeManifest } from './manifest.ts';
import type { Watch } from './progress.ts';
import { SEGMENT_BYTES, SegmentWriter } from './segment.ts';
import { type BackupSet, listSets, nameOfSet, readChain } from './sets.ts';
import { ALL_ROWS, isLeftOut } from './store-rows.ts';

/**
 * An incremental set begins so long before the one that it adds to: arrivals are of the collectors'
 * clocks, which may differ, and a row may be put a moment after its arrival was taken.
 */
const OVERLAP_MS = HOUR_MS;

export interface BackupOptions extends Watch {
  readonly dir: string;
  /** A full set even where an incremental one is possible. */
  readonly full: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Bytes of a file; a test makes small ones. */
  readonly segmentBytes?: number;
}

export interface BackupReport {
  readonly manifest: Manifest;
  /** Whether it went on with one that had been interrupted. */
  readonly resumed: boolean;
}

/** @throws BackupFailed, BackupStopped, StoreUnavailable, ConfigError (another layout) */
export async function backUp(tables: Tables, options: BackupOptions): Promise<BackupReport> {
  const { dir, now } = options;
  const plan = await planOf(tables, options);
  await makeFolder(dir);
  const journal = await Journal.open(dir, plan, (found) => isSame(found, plan));
  for (const table of BACKED_UP) if (!journal.hasEnded(table)) await writeTable(tables, table, journal, options);
  const name = nameOfSet(plan.kind, now(), (await listSets(dir)).at(-1));
  const finishedAt = new Date(now()).toISOString();
  const manifest = await writeManifest(journal.folder, { name, ...journal.plan, finishedAt, tables: journal.files });
  await journal.remove();
  await syncFolder(journal.folder);
  await rename(journal.folder, join(dir, name));
  await syncFolder(dir);
  return { manifest, resumed: journal.isResumed };
}

async function planOf(tables: Tables, { dir, full, now }: BackupOptions): Promise<Plan> {
  const control = new Control(tables);
  await checkLayout(control);
  const [generation, layout] = [await control.generation(), await control.layout()];
  if (generation === null || layout === null)
    throw new BackupFailed('the store was never initialized, so there is nothing to back up');
  const base = full ? null : await baseOf(dir, generation);
  return {
    kind: base === null ? 'full' : 'incremental',
    base: base && { name: base.manifest.name, sha256: base.manifest.sha256 },
    store: { generation, layout },
    startedAt: new Date(now()).toISOString(),
    since: base && new Date(sinceOf(base.manifest)).toISOString(),
  };
}

/** The newest set of this store that is sound; another generation is another store. */
async function baseOf(dir: string, generation: string): Promise<BackupSet | null> {
  for (const name of (await listSets(dir)).reverse()) {
    try {
      const [set] = (await readChain(dir, name)).slice(-1);
      if (set!.manifest.store.generation === generation) return set!;
    } catch (error) {
      // `verify-backup` tells of it; this backup shall be made.
      if (!(error instanceof BackupFailed)) throw error;
    }
  }
  return null;
}

/**
 * What the set before may lack arrived after it began. Its newest row counts too: a clock of ours
 * that is ahead of the collectors' must not leave anything out.
 */
function sinceOf({ startedAt, since, tables: { events } }: Manifest): number {
  if (events.length === 0) return since === null ? 0 : Date.parse(since);
  const newest = events.reduce((latest, file) => Math.max(latest, file.latest), 0);
  return Math.max(0, Math.min(Date.parse(startedAt), newest) - OVERLAP_MS);
}

const isSame = (found: Plan, plan: Plan): boolean =>
  found.base?.sha256 === plan.base?.sha256 &&
  found.store.generation === plan.store.generation &&
  found.store.layout === plan.store.layout;

async function writeTable(tables: Tables, table: BackedUp, journal: Journal, options: BackupOptions): Promise<void> {
  const { segmentBytes = SEGMENT_BYTES, signal, progress } = options;
  const files = journal.files[table];
  // Terminals and control change while they are read: an interrupted one begins again.
  if (table !== 'events') await journal.begin(table);
  const last = files.at(-1)?.last;
  const start = last === undefined ? ALL_ROWS.start : Buffer.concat([Buffer.from(last, 'hex'), Buffer.of(0)]);
  const { since } = journal.plan;
  const range = { ...ALL_ROWS, start, ...(table === 'events' && since !== null && { since: Date.parse(since) }) };
  let writer: SegmentWriter | null = null;
  const endFile = async (): Promise<void> => {
    if (writer === null) return;
    const ending = writer;
    writer = null;
    await journal.add(table, await ending.end());
    progress({ table, ...journal.written, share: null });
  };
  try {
    for await (const row of tables.scan(table, range)) {
      if (isLeftOut(table, row)) continue;
      writer ??= await SegmentWriter.create(join(journal.folder, fileName(table, files.length)));
      await writer.add(row);
      if (writer.bytes < segmentBytes && !signal.aborted) continue;
      await endFile();
      signal.throwIfAborted();
    }
    await endFile();
  } finally {
    await (writer as SegmentWriter | null)?.abandon();
  }
  await journal.end(table);
}

const fileName = (table: BackedUp, index: number): string => `${table}-${String(index + 1).padStart(6, '0')}.segment`;
