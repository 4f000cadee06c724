/**
 * Reads a backup as a restore would, and more: every file is what its manifest says, every key is
 * one of its table and in order, and every batch is what its row's key names.
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { crc32c } from '../../shared/crc32c.ts';
import { controlKey, parseEventsKey, parseTerminalKey } from '../../shared/keys.ts';
import { batchDigest } from '../../shared/wire/batch-digest.ts';
import { readHeader } from '../../shared/wire/header.ts';
import { unpack } from '../../shared/wire/message-pack.ts';
import type { Row } from '../store/tables.ts';
import { BackupFailed } from './files.ts';
import { BACKED_UP, type BackedUp, type FileEntry, filesOf, type Manifest, sum } from './manifest.ts';
import type { Watch } from './progress.ts';
import { readSegment } from './segment.ts';
import { type BackupSet, readChain } from './sets.ts';

/** More are counted and not listed. */
const MAX_LISTED = 1_000;

export interface VerifyOptions extends Watch {
  readonly dir: string;
  /** Name of the set; left out: the newest. What it adds to is verified too. */
  readonly set?: string | undefined;
}

export interface Fault {
  /** Null: of the folder as a whole. */
  readonly set: string | null;
  /** Null: of the set as a whole. */
  readonly file: string | null;
  readonly detail: string;
}

export interface VerifyReport {
  /** The sets that a restore would read, the full one first. */
  readonly chain: readonly Manifest[];
  readonly rows: number;
  readonly bytes: number;
  readonly faults: readonly Fault[];
  readonly faultsNotListed: number;
}

/**
 * Faults are reported, not thrown.
 *
 * @throws the reason for which `signal` was aborted
 */
export async function verify({ dir, set, signal, progress }: VerifyOptions): Promise<VerifyReport> {
  const faults = new Faults();
  const chain = await faults.of(null, null, () => readChain(dir, set));
  if (chain === null) return { chain: [], rows: 0, bytes: 0, ...faults.report() };
  const digestKey = await readDigestKey(chain.at(-1)!);
  const whole = chain.reduce((bytes, { manifest }) => bytes + sum(filesOf(manifest), 'bytes'), 0);
  let [rows, bytes] = [0, 0];
  for (const one of chain) {
    for (const table of BACKED_UP) {
      const check = { table, digestKey, before: null };
      for (const entry of one.manifest.tables[table]) {
        signal.throwIfAborted();
        await faults.of(one.manifest.name, entry.name, (found) => checkFile(one.folder, entry, check, found));
        rows += entry.rows;
        bytes += entry.bytes;
        progress({ table, rows, bytes, share: bytes / whole });
      }
    }
  }
  if (digestKey === null)
    faults.add(chain.at(-1)!.manifest.name, null, 'it has no digest key: what the rows say cannot be compared');
  return { chain: chain.map(({ manifest }) => manifest), rows, bytes, ...faults.report() };
}

class Faults {
  readonly #listed: Fault[] = [];
  #count = 0;

  add(set: string | null, file: string | null, detail: string): void {
    if (++this.#count <= MAX_LISTED) this.#listed.push({ set, file, detail });
  }

  /** @returns null when the work ended with a fault */
  async of<T>(
    set: string | null,
    file: string | null,
    work: (found: (detail: string) => void) => Promise<T>,
  ): Promise<T | null> {
    try {
      return await work((detail) => this.add(set, file, detail));
    } catch (error) {
      if (!(error instanceof BackupFailed)) throw error;
      this.add(set, file, error.message);
      return null;
    }
  }

  report(): Pick<VerifyReport, 'faults' | 'faultsNotListed'> {
    return { faults: this.#listed, faultsNotListed: this.#count - this.#listed.length };
  }
}

/** Null where control is damaged, or has none. */
async function readDigestKey({ folder, manifest }: BackupSet): Promise<Uint8Array | null> {
  const wanted = controlKey('store', 'digestKey');
  try {
    for (const entry of manifest.tables.control)
      for await (const { row, cells } of readSegment(join(folder, entry.name), entry))
        if (Buffer.compare(row, wanted) === 0) return Uint8Array.from(unpack(cells.get('m:value')!) as Uint8Array);
  } catch (error) {
    if (!(error instanceof BackupFailed)) throw error;
  }
  return null;
}

interface Check {
  readonly table: BackedUp;
  readonly digestKey: Uint8Array | null;
  /** The last row key of the table so far. */
  before: Uint8Array | null;
}

async function checkFile(
  folder: string,
  entry: FileEntry,
  check: Check,
  found: (detail: string) => void,
): Promise<void> {
  let first: Uint8Array | null = null;
  for await (const row of readSegment(join(folder, entry.name), entry)) {
    first ??= row.row;
    const wrong =
      check.before !== null && Buffer.compare(check.before, row.row) >= 0 ? 'is not in order' : faultOf(row, check);
    if (wrong !== null) found(`row ${Buffer.from(row.row).toString('hex')} ${wrong}`);
    check.before = row.row;
  }
  const isNamed = hex(first) === entry.first && hex(check.before) === entry.last;
  if (!isNamed) found('its first or last row is another one than the manifest says');
}

const hex = (bytes: Uint8Array | null): string => (bytes === null ? '' : Buffer.from(bytes).toString('hex'));

/** What is wrong with a row; null: nothing. */
function faultOf(row: Row, { table, digestKey }: Check): string | null {
  try {
    if (table === 'terminals') parseTerminalKey(row.row);
    return table === 'events' ? batchFault(row, digestKey) : null;
  } catch (error) {
    if (error instanceof RangeError) return `has a key that is none of ${table}: ${error.message}`;
    throw error;
  }
}

function batchFault({ row, cells }: Row, digestKey: Uint8Array | null): string | null {
  const { digest } = parseEventsKey(row);
  const batch = cells.get('b:batch');
  if (batch === undefined) return 'has no batch';
  const head = readHeader(batch);
  if (!head.ok) return `has a damaged batch: ${head.detail}`;
  if (crc32c(batch, head.bodyStart) !== head.header.bodyCrc) return 'has a batch whose checksum does not match';
  if (digestKey !== null && batchDigest(digestKey, batch) !== digest) return 'has another batch than its key names';
  return null;
}
