/** Flash writes of a till's day: bytes per sale that the kernel accounts to the agent's process. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../../processes/wait-until.ts';
import { System } from '../load/test-system.ts';
import { basket, random } from '../load/workload.ts';
import type { Section } from '../measure/report.ts';

/** A sale every 30 s, day and night. */
const SALES_A_DAY = 2_880;
const SALES_A_MINUTE = 2;
/** Duration of a minute of housekeeping in the simulated day: see `short-minutes.mjs`. */
const SHORT_MINUTE_MS = 50;
const SHORT_MINUTES = path.join(import.meta.dirname, '../load/short-minutes.mjs');
const SALES_KEPT = 720;
const DEADLINE_MS = 60_000;
const MIB = 1024 * 1024;

interface Rhythm {
  readonly name: string;
  readonly buffer: Readonly<Record<string, unknown>>;
  readonly preloads?: readonly string[];
  /** Share of a day's sales. */
  readonly share: number;
  /**
   * After so many sales each minute deletes what was acknowledged that long ago; bytes are counted
   * from there on. 0: nothing is deleted.
   */
  readonly kept: number;
  /** Sales in a group, and the milliseconds between them. */
  readonly together: number;
  readonly apartMs: number;
  /** Minimum time between groups, milliseconds. */
  readonly everyMs: number;
}

const ALONE = { kept: 0, together: 1, apartMs: 0, everyMs: 0 };
const RUSH = { ...ALONE, share: 1 / 14.4, together: 5, apartMs: 200 };

const RHYTHMS: readonly Rhythm[] = [
  {
    ...ALONE,
    name: '24 hours, a sale each 30 s',
    buffer: {},
    preloads: [SHORT_MINUTES],
    share: 1,
    kept: SALES_KEPT,
    everyMs: SHORT_MINUTE_MS / SALES_A_MINUTE,
  },
  { ...RUSH, name: 'rushes of 5 in 1 s', buffer: {} },
  { ...RUSH, name: 'the same, commitDelayMs 1000', buffer: { commitDelayMs: 1_000 } },
];

/** Bytes that the process has caused to be written to disks so far: proc_pid_io(5). */
function writtenBy(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
}

/** Writes back what the process has changed in its files, as a kernel does within half a minute. */
function syncFilesOf(pid: number): void {
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const link = `/proc/${pid}/fd/${name}`;
      if (!path.isAbsolute(readlinkSync(link))) continue;
      const file = openSync(link, 'r');
      fsyncSync(file);
      closeSync(file);
    } catch {
      // Closed meanwhile, or no file on a disk.
    }
  }
}

async function measured(rhythm: Rhythm, scale: number) {
  const { name, preloads, together, apartMs, everyMs } = rhythm;
  const sales = Math.round((SALES_A_DAY * rhythm.share) / scale / together) * together;
  const kept = Math.round(rhythm.kept / scale);
  // The hours in which the short minutes of so many sales pass.
  const keeping = { keepAckedHours: ((kept / SALES_A_MINUTE) * SHORT_MINUTE_MS) / 3_600_000 };
  await using system = await System.start({
    merchant: 'bench-flash',
    agents: 1,
    buffer: { ...rhythm.buffer, ...(kept > 0 && keeping) },
    ...(preloads && { preloads }),
  });
  const [agent] = system.agents;
  const [till] = system.tills;
  const { pid } = agent!.child;
  const next = random(5);
  const signal = AbortSignal.timeout(DEADLINE_MS * 10);
  const stored = async () => {
    const status = (await (await fetch(`${agent!.url}/v1/status`)).json()) as { counters: { eventsStored: number } };
    return status.counters.eventsStored;
  };
  const answers: number[] = [];
  let before = writtenBy(pid);
  for (let sale = 0; sale < kept + sales; sale += together) {
    if (sale === kept) before = writtenBy(pid);
    const begun = performance.now();
    const posts = [];
    for (let index = 0; index < together; index++) {
      if (index > 0) await wait(apartMs);
      const start = performance.now();
      const post = till!.send([basket(sale + index, Date.now(), next)], signal);
      posts.push(post.then(() => answers.push(performance.now() - start)));
    }
    await Promise.all(posts);
    const count = sale + together;
    await until(async () => (await stored()) === count, { what: 'the ack', deadlineMs: DEADLINE_MS, everyMs: 2 });
    syncFilesOf(pid);
    await wait(Math.max(0, everyMs - (performance.now() - begun)));
  }
  const perSale = (writtenBy(pid) - before) / sales;
  answers.sort((a, b) => a - b);
  return {
    rhythm: name,
    sales,
    'KiB a sale': perSale / 1024,
    [`MiB a day of ${SALES_A_DAY}`]: (perSale * SALES_A_DAY) / MIB,
    'p50 ms to the answer': answers[Math.floor(answers.length / 2)]!,
  };
}

/** Null where there is no /proc. @param scale divisor of a day's sales: 10 for a tenth */
export async function flash(scale: number): Promise<Section | null> {
  if (process.platform !== 'linux') return null;
  const rows = [];
  for (const rhythm of RHYTHMS) rows.push(await measured(rhythm, scale));
  return {
    name: 'Flash bytes of a till',
    how: `write_bytes of the agent’s process (/proc/PID/io) for each sale: the sale, its ack, checkpoints; everything is synced before the next. The day is simulated: ${SALES_A_MINUTE} sales to a minute of housekeeping, which deletes what was acknowledged ${SALES_KEPT} sales ago; the refs of a day stay. buffer.commitDelayMs trades bytes for latency.`,
    rows,
  };
}
