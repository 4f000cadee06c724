/** What a till's day costs its flash: bytes that the kernel accounts to the agent's process, for each sale. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../processes/until.ts';
import type { Section } from './report.ts';
import { System } from './system.ts';
import { basket, random } from './workload.ts';

/** A sale every 30 s, day and night. */
const SALES_A_DAY = 2_880;
const DEADLINE_MS = 60_000;
const MIB = 1024 * 1024;

interface Rhythm {
  readonly name: string;
  readonly buffer: Readonly<Record<string, unknown>>;
  /** Sales that come together, so many milliseconds apart. */
  readonly together: number;
  readonly apartMs: number;
}

const RHYTHMS: readonly Rhythm[] = [
  { name: 'a sale now and then', buffer: {}, together: 1, apartMs: 0 },
  { name: 'rushes of 5 in 1 s', buffer: {}, together: 5, apartMs: 200 },
  { name: 'the same, commitDelayMs 1000', buffer: { commitDelayMs: 1_000 }, together: 5, apartMs: 200 },
];

/** Bytes that the process has made the kernel write to disks so far: proc_pid_io(5). */
function writtenBy(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
}

async function measured({ name, buffer, together, apartMs }: Rhythm, sales: number) {
  await using system = await System.start({ merchant: 'bench-flash', agents: 1, buffer });
  const [agent] = system.agents;
  const [till] = system.tills;
  const { pid } = agent!.child;
  const next = random(5);
  const signal = AbortSignal.timeout(DEADLINE_MS * 10);
  const acked = async () => {
    const status = (await (await fetch(`${agent!.url}/v1/status`)).json()) as { buffer: { acked: number } };
    return status.buffer.acked;
  };
  const before = writtenBy(pid);
  const answers: number[] = [];
  for (let sale = 0; sale < sales; sale += together) {
    const posts = [];
    for (let index = 0; index < together; index++) {
      if (index > 0) await wait(apartMs);
      const start = performance.now();
      const post = till!.send([basket(sale + index, Date.now(), next)], signal);
      posts.push(post.then(() => answers.push(performance.now() - start)));
    }
    await Promise.all(posts);
    const count = sale + together;
    await until(async () => (await acked()) === count, { what: 'the ack', deadlineMs: DEADLINE_MS, everyMs: 2 });
    // What the kernel would write back by itself before the next sale, half a minute later.
    spawnSync('sync');
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

/** Null where there is no /proc to ask. */
export async function flash(sales: number): Promise<Section | null> {
  if (process.platform !== 'linux') return null;
  const rows = [];
  for (const rhythm of RHYTHMS) rows.push(await measured(rhythm, sales));
  return {
    name: 'Flash bytes of a till',
    how: 'write_bytes of the agent’s process (/proc/PID/io) for each sale: the sale, its ack, checkpoints; everything is synced before the next.',
    rows,
  };
}
