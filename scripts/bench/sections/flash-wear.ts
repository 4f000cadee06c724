/** Flash writes of a till's day: bytes per sale that the kernel accounts to the agent's process. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
/**
 * After this many sales of the simulated day, each minute deletes what was acknowledged that long
 * ago.
 */
const SALES_KEPT = 720;
const DEADLINE_MS = 60_000;
const MIB = 1024 * 1024;

interface Rhythm {
  readonly name: string;
  readonly buffer: Readonly<Record<string, unknown>>;
  readonly preloads?: readonly string[];
  /** Share of a day's sales. */
  readonly share: number;
  /** Sales before the counting of bytes begins. */
  readonly before: number;
  /** Sales in a group, and the milliseconds between them. */
  readonly together: number;
  readonly apartMs: number;
  /** Minimum time between groups, milliseconds. */
  readonly everyMs: number;
}

const ALONE = { before: 0, together: 1, apartMs: 0, everyMs: 0 };
const RUSH = { ...ALONE, share: 1 / 14.4, together: 5, apartMs: 200 };

const RHYTHMS: readonly Rhythm[] = [
  {
    ...ALONE,
    name: '24 hours, a sale each 30 s',
    buffer: { keepAckedHours: ((SALES_KEPT / SALES_A_MINUTE) * SHORT_MINUTE_MS) / 3_600_000 },
    preloads: [SHORT_MINUTES],
    share: 1,
    before: SALES_KEPT,
    everyMs: SHORT_MINUTE_MS / SALES_A_MINUTE,
  },
  { ...RUSH, name: 'rushes of 5 in 1 s', buffer: {} },
  { ...RUSH, name: 'the same, commitDelayMs 1000', buffer: { commitDelayMs: 1_000 } },
];

/** Bytes that the process has caused to be written to disks so far: proc_pid_io(5). */
function writtenBy(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
}

async function measured(rhythm: Rhythm, scale: number) {
  const { name, buffer, preloads, together, apartMs, everyMs } = rhythm;
  const sales = Math.round((SALES_A_DAY * rhythm.share) / scale / together) * together;
  await using system = await System.start({
    merchant: 'bench-flash',
    agents: 1,
    buffer,
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
  for (let sale = 0; sale < rhythm.before + sales; sale += together) {
    if (sale === rhythm.before) before = writtenBy(pid);
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
    // Flushes what the kernel would write back before the next sale, half a minute later.
    spawnSync('sync');
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
