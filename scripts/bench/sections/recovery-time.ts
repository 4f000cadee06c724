/**
 * Time to recover a damaged buffer, by phase, beside a lower bound: plainly reading the file and
 * inserting the same rows.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { prepareSchema } from '../../../agent/buffer/tables/schema.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../package/runtime-flags.ts';
import type { Recovered } from '../load/recover-buffer.ts';
import { median, type Section } from '../measure/report.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** A 1 GiB budget's share for the database, less what waits in the WAL. */
const FULL_BYTES = GIB - 28 * MIB;
const READ_BYTES = MIB;
/** Rows in a transaction of the plain insert. */
const ROWS_PER_TRANSACTION = 50_000;

interface Case {
  readonly name: string;
  /** Bytes in use; 0: sized by the number of events. */
  readonly bytes: number;
  /** Number of events; 0: sized by the bytes in use. */
  readonly events: number;
  /** Number of pending events; -1: all. */
  readonly pending: number;
  /** `buffer.maxBytes` of the agent that recovers it. */
  readonly maxBytes: number;
  readonly runs: number;
}

const USUAL: Case = { name: 'usual', bytes: 5 * MIB, events: 0, pending: 40, maxBytes: GIB, runs: 5 };

export interface Sizes {
  /** Buffers of 1 GiB, once each, in place of 32 MiB. */
  readonly full: boolean;
  /** 10 for a tenth of 32 MiB. */
  readonly scale: number;
}

function casesOf({ full, scale }: Sizes): readonly Case[] {
  const large = { ...USUAL, bytes: full ? FULL_BYTES : (32 * MIB) / scale, runs: full ? 1 : 3 };
  const cases: Case[] = [
    USUAL,
    { ...large, name: 'acked, 1,000 pending', pending: 1_000 },
    // Recovered rows lie less densely, so the same budget would not hold them.
    { ...large, name: 'all pending', pending: -1, maxBytes: 2 * GIB },
  ];
  if (full) {
    cases.push(
      { ...large, name: 'mixed, 250,000 pending', pending: 250_000 },
      { ...large, name: 'a million pending', bytes: 0, events: 1_000_000, pending: -1 },
    );
  }
  return cases;
}

async function run(script: string, args: readonly unknown[], signal: NodeJS.Signals | null): Promise<string> {
  const child = spawn(process.execPath, [...NODE_FLAGS, path.join(import.meta.dirname, script), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...NODE_ENVIRONMENT },
  });
  let output = '';
  child.stdout.on('data', (some: Buffer) => {
    output += some.toString();
  });
  const [code, ended] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === null ? code !== 0 : ended !== signal) throw new Error(`${script} ended with ${code ?? ended}`);
  return output;
}

/** Reads the file from start to end. @returns seconds */
function plainRead(file: string): number {
  const bytes = Buffer.alloc(READ_BYTES);
  const fd = openSync(file, 'r');
  const start = performance.now();
  while (readSync(fd, bytes, 0, READ_BYTES, null) > 0) {}
  const ms = performance.now() - start;
  closeSync(fd);
  return ms / 1000;
}

/**
 * Inserts the rows of a recovered buffer into a fresh one, without checking any.
 *
 * @returns seconds
 */
function plainInsert(recovered: string, fresh: string): number {
  const db = new Sqlite(fresh);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  prepareSchema(db, fresh, { merchant: merchantId('bench'), terminal: terminalId('till-1') });
  db.prepare('ATTACH ? AS recovered').run(recovered);
  const start = performance.now();
  for (const table of ['events', 'refs']) {
    const last = db.prepare<[number, number], number>(
      `SELECT max(id) FROM (SELECT id FROM recovered.${table} WHERE id > ? ORDER BY id LIMIT ?)`,
    );
    const insert = db.prepare(`INSERT INTO ${table} SELECT * FROM recovered.${table} WHERE id > ? AND id <= ?`);
    for (let after: number | null = 0; after !== null; ) {
      const upTo: number | null = last.pluck().get(after, ROWS_PER_TRANSACTION) ?? null;
      if (upTo !== null) insert.run(after, upTo);
      after = upTo;
    }
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
  const ms = performance.now() - start;
  db.close();
  return ms / 1000;
}

async function measured(folder: string, { name, bytes, events, pending, maxBytes, runs }: Case) {
  const damaged = path.join(folder, 'damaged');
  mkdirSync(damaged, { recursive: true });
  await run('../load/damaged-buffer.ts', [path.join(damaged, 'buffer.db'), bytes, events, pending], 'SIGKILL');
  const all: (Recovered & { readonly readS: number; readonly insertS: number; readonly load: number })[] = [];
  for (let at = 0; at < runs; at++) {
    const copy = path.join(folder, 'copy');
    const file = path.join(copy, 'buffer.db');
    cpSync(damaged, copy, { recursive: true });
    const load = os.loadavg()[0]!;
    const recovered = JSON.parse(await run('../load/recover-buffer.ts', [file, maxBytes], null)) as Recovered;
    if (!recovered.isWhole) throw new Error(`${name}: there was no room for the rest`);
    const limits = {
      readS: plainRead(path.join(damaged, 'buffer.db')),
      insertS: plainInsert(file, path.join(copy, 'fresh.db')),
    };
    all.push({ ...recovered, ...limits, load });
    rmSync(copy, { recursive: true, force: true });
  }
  rmSync(damaged, { recursive: true, force: true });
  const of = (value: (one: (typeof all)[number]) => number): number => median(all.map(value));
  const seconds = (phase: string): number => of(({ phases }) => phases[phase] ?? 0) / 1000;
  const [one] = all;
  const rows = one!.pending + one!.acked + one!.lost;
  const total = of(({ totalMs }) => totalMs) / 1000;
  return {
    buffer: name,
    MiB: one!.fileBytes / MIB,
    events: rows,
    pending: one!.pending,
    lost: one!.lost,
    'back after s': total,
    'CPU s, user': of(({ cpuUserMs }) => cpuUserMs) / 1000,
    system: of(({ cpuSystemMs }) => cpuSystemMs) / 1000,
    'ledger s': seconds('ledger'),
    pages: seconds('pages'),
    strays: seconds('strays'),
    account: seconds('imported') + seconds('done'),
    load: seconds('load'),
    'events/s': rows / total,
    'MiB/s': one!.fileBytes / MIB / total,
    'loop held ms': of(({ heldMs }) => heldMs),
    'RSS MiB': one!.peakMiB,
    'plain read s': of(({ readS }) => readS),
    'plain insert s': of(({ insertS }) => insertS),
    'load average': of(({ load }) => load),
  };
}

export async function recovery(folder: string, sizes: Sizes): Promise<Section> {
  const rows = [];
  for (const one of casesOf(sizes)) rows.push(await measured(path.join(folder, 'recovery'), one));
  return {
    name: 'Recovery of a damaged buffer',
    how: `The buffer of a killed agent, one page of it zeroed, recovered under the packaged Node’s flags while nobody sends events. Medians of ${USUAL.runs} runs, of ${sizes.full ? 1 : 3} of the larger ones. Beside it: reading the file from the system’s cache, and inserting the same rows with synchronous=FULL, ${ROWS_PER_TRANSACTION.toLocaleString('en-US')} a transaction, without checking them.`,
    rows,
  };
}
