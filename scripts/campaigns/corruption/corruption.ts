/**
 * Corruption campaign: flips bits in a buffer's files, truncates, zeroes, swaps or removes parts or
 * whole files, singly or combined; with and without a checkpoint, with some events stored by a
 * collector and some of those acknowledged. Judged from outside, afterwards: the agent always opens
 * and accepts events at once; what it offers was accepted under that stream and seq; every accepted
 * event is stored, offered or lost; and no more is lost than lay in the damaged parts.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import Sqlite from 'better-sqlite3';
import { account } from '../../../agent/buffer/integrity/seq-accounting.ts';
import { openBuffer } from '../../../agent/buffer/open-buffer.ts';
import type { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { BufferSupervisor } from '../../../agent/buffer/supervisor.ts';
import { openReadOnly } from '../../../agent/buffer/support/open-read-only.ts';
import { encodeBody } from '../../../agent/buffer/tables/event-row.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { seeded } from '../../simulate/random.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';
import { damage, type Files, readFiles, writeFiles } from './buffer-files.ts';
import { fixedClock } from './fixed-clock.ts';
import { Judge } from './readability-oracle.ts';
import { type Known, nothingKnown, Shop } from './scenario.ts';

export interface CorruptionReport {
  runs: number;
  /** Runs in which a file was set aside for recovery. */
  salvages: number;
  accepted: number;
  /** Events without a readable row. */
  unreadable: number;
  /** Events that the ledger records as lost and the collector does not have. */
  lost: number;
}

const SHOWN_FAULTS = 10;

export async function corrupt(
  folder: string,
  { runs, seed, first = 1 }: { readonly runs: number; readonly seed: number; readonly first?: number },
  progress: (done: number, total: number, message: string) => void,
): Promise<{ figures: CorruptionReport; faults: string[] }> {
  const figures: CorruptionReport = { runs: 0, salvages: 0, accepted: 0, unreadable: 0, lost: 0 };
  const faults: string[] = [];
  for (let run = first; run < first + runs && faults.length < SHOWN_FAULTS; run++) {
    const own = path.join(folder, `run-${run}`);
    const found = await one(own, seeded(seed * 1_000_003 + run), figures);
    faults.push(...found.map((fault) => `run ${run} of seed ${seed}: ${fault}`));
    if (found.length === 0) rmSync(own, { recursive: true, force: true });
    figures.runs++;
    progress(
      run - first + 1,
      runs,
      `${figures.salvages} recoveries, ${figures.lost} events lost of ${figures.accepted}`,
    );
  }
  return { figures, faults: faults.slice(0, SHOWN_FAULTS) };
}

async function one(folder: string, random: () => number, figures: CorruptionReport): Promise<string[]> {
  const known = nothingKnown();
  const shop = new Shop(random, known);
  const before = await liveThrough(path.join(folder, 'before', 'buffer.db'), shop, random);
  let found = before;
  let file = '';
  const descriptions: string[] = [];
  // Sometimes a recovered buffer is damaged again.
  for (let round = 0; round < (random() < 0.2 ? 2 : 1); round++) {
    const damaged = damage(found, random);
    descriptions.push(...damaged.descriptions);
    file = path.join(folder, `damaged-${round}`, 'buffer.db');
    writeFiles(file, damaged.files);
    const guarded = isGuarded(found, damaged.files);
    await recoverAndJudge(file, shop, known, new Judge(found, damaged.files, guarded), guarded, random, figures);
    found = readFiles(file);
  }
  figures.accepted += known.accepted.size;
  return known.faults.map((fault) => `${fault} (${descriptions.join('; ')})`);
}

/** Whether losses must be detected: the side file is intact, or all files that it guards are. */
const isGuarded = (before: Files, after: Files): boolean =>
  same(before.side, after.side) || (same(before.database, after.database) && same(before.log, after.log));

const same = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b));

/** Files as a crash leaves them after several openings. */
async function liveThrough(file: string, shop: Shop, random: () => number): Promise<Files> {
  for (let opening = Math.floor(random() * 3); ; opening--) {
    const supervisor = supervisorOf(file, shop, random);
    supervisor.start();
    const buffer = supervisor.buffer!;
    for (let acts = 1 + Math.floor(random() * 12); acts > 0; acts--) {
      const act = random();
      if (act < 0.6) await shop.sell(buffer, 1 + Math.floor(random() ** 3 * 120));
      else if (act < 0.85) await shop.ship(buffer);
      else if (act < 0.93) checkpoint(file);
      else {
        shop.now += Math.floor(random() * 40) * 3_600_000;
        while (buffer.expireStep()) {}
      }
    }
    const crash = opening === 0 && random() < 0.8 ? readFiles(file) : null;
    await supervisor.stop();
    if (opening === 0) return crash ?? readFiles(file);
  }
}

function checkpoint(file: string): void {
  const db = new Sqlite(file);
  db.pragma('wal_checkpoint(PASSIVE)');
  db.close();
}

async function recoverAndJudge(
  file: string,
  shop: Shop,
  known: Known,
  oracle: Judge,
  guarded: boolean,
  random: () => number,
  figures: CorruptionReport,
): Promise<void> {
  const { accepted, stored, refused, lost, repeats, faults } = known;
  const unreadable = new Set(
    [...accepted].flatMap(([key, event]) => (oracle.isReadable(Buffer.from(encodeBody(event))) ? [] : [key])),
  );
  const lostBefore = new Set(lost);
  const supervisor = supervisorOf(file, shop, random);
  try {
    supervisor.start();
    await shop.sell(supervisor, 1 + Math.floor(random() * 5));
    await shop.repeat(supervisor);
    const buffer = await recoverFully(supervisor, shop);
    const offered = shop.offered(buffer);
    shop.reportLosses(buffer, false);
    for (const [key, event] of offered) {
      if (!accepted.has(key)) faults.push(`${key} is offered, which nobody was answered`);
      else if (!isDeepStrictEqual(event, accepted.get(key))) faults.push(`${key} is not what was accepted`);
    }
    for (const key of lost) if (!accepted.has(key)) faults.push(`${key} is lost, which nobody was answered`);
    for (const key of accepted.keys()) {
      if (stored.has(key) || offered.has(key)) continue;
      if (!lost.has(key)) {
        if (guarded || !unreadable.has(key)) faults.push(`${key} is neither stored nor offered nor lost`);
        // No trace of it is left.
        lost.add(key);
      } else if (!lostBefore.has(key)) {
        figures.lost++;
        if (!unreadable.has(key) && !refused.has(key) && !repeats.has(key))
          faults.push(`${key} is lost, and could be read`);
      }
    }
    for (const [repeat, first] of repeats) {
      if (first === null) continue;
      if (offered.has(repeat) && (offered.has(first) || (stored.has(first) && !unreadable.has(first)))) {
        faults.push(`${repeat} counts once more what is ${first}`);
      }
      // The first event's row was damaged, so the repeat cannot be recognised, and later looks like
      // the first.
      if (unreadable.has(first)) repeats.set(repeat, null);
    }
    figures.unreadable += unreadable.size;
    if (readdirSync(path.dirname(file)).some((name) => name.includes('.salvaged-'))) figures.salvages++;
  } finally {
    await supervisor.stop();
  }
  const db = openReadOnly(file);
  const { sound, epochs } = account(db);
  db.close();
  if (!sound) faults.push(`the seq accounting is not sound: ${JSON.stringify(epochs)}`);
}

/**
 * The buffer after recovery, a full scrub and a full read: each may find damage that needs recovery
 * again.
 */
async function recoverFully(supervisor: BufferSupervisor<SqliteBuffer>, shop: Shop): Promise<SqliteBuffer> {
  for (;;) {
    await until(() => supervisor.buffer !== null && supervisor.buffer.facts().salvage === null);
    const buffer = supervisor.buffer!;
    try {
      await buffer.greeted({ storeGen: 'g', trueTimeOrigin: shop.now, uncertaintyMs: 1 });
      while (buffer.scrubStep()) {}
      shop.offered(buffer);
      buffer.losses(10_000);
    } catch {
      // The supervisor has recorded it.
    }
    await shop.sell(supervisor, 1);
    if (supervisor.buffer === buffer) return buffer;
  }
}

function supervisorOf(file: string, shop: Shop, random: () => number): BufferSupervisor<SqliteBuffer> {
  const clock = fixedClock(() => shop.now);
  return new BufferSupervisor<SqliteBuffer>({
    open: (distrust, onFault) =>
      openBuffer({
        path: file,
        merchant: merchantId('acme'),
        terminal: terminalId('till-1'),
        maxBytes: 1024 ** 3,
        minFreeBytes: 0,
        keepAckedHours: 10,
        whenFull: 'reject',
        commitDelayMs: 0,
        clock,
        randomBytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(random() * 256)),
        diskFree: () => 1024 ** 4,
        damaged: () => {},
        distrust,
        onFault,
      }),
    onOpened: (buffer) => {
      void buffer.recover(async () => true).catch(() => {});
      return async () => {};
    },
    probeDisk: () => null,
    timers: {
      now: () => performance.now(),
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    },
    random: Math.random,
    log: { info() {}, error() {} },
  });
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not hold within a minute');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export const campaign: Campaign = {
  summary:
    'damage to the files of a buffer: it always opens, offers only what was accepted, loses only what was damaged',
  examples: ['--runs 500', '--runs 50 --seed 7 --json', '--seed 7 --first 23 --runs 1   # that run again'],
  options: { runs: { type: 'string' }, seed: { type: 'string' }, first: { type: 'string' } },
  async run(given, progress) {
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-corruption-'));
    const seed = wholeNumber(given, 'seed', 1);
    const first = wholeNumber(given, 'first', 1);
    const { figures, faults } = await corrupt(folder, { runs: wholeNumber(given, 'runs', 500), seed, first }, progress);
    if (faults.length === 0) rmSync(folder, { recursive: true, force: true });
    return { figures: { seed, ...figures }, faults: faults.length === 0 ? [] : [...faults, `files left in ${folder}`] };
  },
};
