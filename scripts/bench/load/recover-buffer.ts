/**
 * Recovers a damaged buffer as an agent does that nobody sends events to, and prints as JSON how long each phase took.
 *
 *     node scripts/bench/load/recover-buffer.ts BUFFER MAX_BYTES
 */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { freeBytes } from '../../../agent/buffer/disk/disk-usage.ts';
import { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { DisciplinedClock } from '../../../agent/clock/disciplined-clock.ts';
import { machineClocks } from '../../../agent/clock/machine-clocks.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { memoryOf } from '../measure/process-memory.ts';

/** How often the phase is looked at. */
const LOOK_MS = 10;
/** It gives up before anything would be shipped: from then on each slice has memory load all of the rows anew. */
const MOST_PAUSES = 5;

export interface Recovered {
  /** Of the damaged file, with its log. */
  readonly fileBytes: number;
  readonly openMs: number;
  /** By phase, as the file tells them, and `load`: from the last of them to the end. */
  readonly phases: Readonly<Record<string, number>>;
  readonly totalMs: number;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  /** The longest that the event loop had no turn. */
  readonly heldMs: number;
  readonly peakMiB: number | null;
  readonly pending: number;
  readonly acked: number;
  readonly refs: number;
  /** Events. */
  readonly lost: number;
  /** False: it has no room for the rest, and would wait for the collector to take something. */
  readonly isWhole: boolean;
}

const [file, maxBytes] = process.argv.slice(2) as [string, string];
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const fileBytes = sizeOf(file) + sizeOf(`${file}-wal`);
const held = monitorEventLoopDelay({ resolution: 1 });
held.enable();
const cpu = process.cpuUsage();
const start = performance.now();
const buffer = new SqliteBuffer({
  path: file,
  merchant: merchantId('bench'),
  terminal: terminalId('till-1'),
  maxBytes: Number(maxBytes),
  minFreeBytes: 0,
  keepAckedHours: 24,
  whenFull: 'reject',
  commitDelayMs: 0,
  clock: new DisciplinedClock(machineClocks()),
  randomBytes: (count) => randomBytes(count),
  damaged: (detail) => process.stderr.write(`${detail}\n`),
  diskFree: () => freeBytes(file),
  distrust: 'bench',
});
const openMs = performance.now() - start;

const looking = new Sqlite(file, { readonly: true });
const position = looking.prepare<[], string>('SELECT position FROM aside LIMIT 1').pluck();
const phases: Record<string, number> = {};
let peak = 0;
let last = performance.now();
const look = (): void => {
  const json = position.get();
  const phase = json === undefined ? 'load' : (JSON.parse(json) as { phase: string }).phase;
  const now = performance.now();
  phases[phase] = (phases[phase] ?? 0) + now - last;
  last = now;
  peak = Math.max(peak, memoryOf(process.pid)?.rss ?? 0);
};
const timer = setInterval(look, LOOK_MS);
let pauses = 0;
await buffer.recover(async () => ++pauses < MOST_PAUSES);
const totalMs = performance.now() - start;
clearInterval(timer);
look();
// What held the loop last is seen by the turn after it.
await wait(LOOK_MS);
held.disable();
const { user, system } = process.cpuUsage(cpu);
const { pending, acked, refs, losses, salvage } = buffer.facts();
looking.close();
buffer.close();
const recovered: Recovered = {
  fileBytes,
  openMs,
  phases,
  totalMs,
  cpuUserMs: user / 1000,
  cpuSystemMs: system / 1000,
  heldMs: held.max / 1e6,
  peakMiB: peak === 0 ? null : peak,
  pending,
  acked,
  refs,
  lost: losses.events,
  isWhole: salvage === null,
};
process.stdout.write(`${JSON.stringify(recovered)}\n`);
