/**
 * Recovers a damaged buffer like an agent that nobody sends events to, and prints as JSON how long
 * each phase took.
 *
 *     node scripts/bench/load/recover-buffer.ts BUFFER MAX_BYTES
 */
import { statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { memoryOf } from '../measure/process-memory.ts';
import { bufferOptions } from './buffer-options.ts';

/** Interval at which the phase is polled. */
const POLL_MS = 10;
/**
 * Pauses for room until the run is abandoned, before anything would be shipped: from then on each
 * slice makes the buffer state load all of the rows anew.
 */
const MAX_PAUSES = 5;

export interface Recovered {
  /** Size of the damaged file, with its WAL. */
  readonly fileBytes: number;
  readonly openMs: number;
  /** By phase, as the file records it, and `load`: from the last of them to the end. */
  readonly phases: Readonly<Record<string, number>>;
  readonly totalMs: number;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  /** Longest time that the event loop was blocked. */
  readonly heldMs: number;
  readonly peakMiB: number | null;
  readonly pending: number;
  readonly acked: number;
  readonly refs: number;
  /** Number of lost events. */
  readonly lost: number;
  /** False: there is no room for the rest; recovery would wait for the collector's acks. */
  readonly isWhole: boolean;
}

const [file, maxBytes] = process.argv.slice(2) as [string, string];
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const fileBytes = sizeOf(file) + sizeOf(`${file}-wal`);
const held = monitorEventLoopDelay({ resolution: 1 });
held.enable();
const cpu = process.cpuUsage();
const start = performance.now();
const buffer = new SqliteBuffer({ ...bufferOptions(file), maxBytes: Number(maxBytes), distrust: 'bench' });
const openMs = performance.now() - start;

const reader = new Sqlite(file, { readonly: true });
const position = reader.prepare<[], string>('SELECT position FROM aside LIMIT 1').pluck();
const phases: Record<string, number> = {};
let peak = 0;
let last = performance.now();
const poll = (): void => {
  const json = position.get();
  const phase = json === undefined ? 'load' : (JSON.parse(json) as { phase: string }).phase;
  const now = performance.now();
  phases[phase] = (phases[phase] ?? 0) + now - last;
  last = now;
  peak = Math.max(peak, memoryOf(process.pid)?.rss ?? 0);
};
const timer = setInterval(poll, POLL_MS);
let pauses = 0;
await buffer.recover(async () => ++pauses < MAX_PAUSES);
const totalMs = performance.now() - start;
clearInterval(timer);
poll();
// Only a later turn of the event loop records how long the last one was blocked.
await wait(POLL_MS);
held.disable();
const { user, system } = process.cpuUsage(cpu);
const { pending, acked, refs, losses, salvage } = buffer.facts();
reader.close();
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
