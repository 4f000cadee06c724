/**
 * Tills that post to one agent, in a process with a small young generation: with V8's default the
 * driver would stop for 10 ms several times a second, which would look like slowness of the agent.
 *
 *     node scripts/bench/load/load-generator.ts URL EVENTS SIZE EVERY_MS
 *
 * Prints a `Posted` as JSON.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import { Till } from '../../clients/till.ts';
import { quantile } from '../measure/report.ts';
import { baskets } from './workload.ts';

export const TILLS = 10;
const DEADLINE_MS = 300_000;

export interface Posting {
  readonly events: number;
  /** Events per post. */
  readonly size: number;
  /** Minimum time between posts of one till, milliseconds; 0: as fast as possible. */
  readonly everyMs: number;
}

export interface Posted {
  readonly perSecond: number;
  /** Milliseconds from a post to its answer. */
  readonly median: number;
  readonly p99: number;
  /** The longest pause of the driver itself, milliseconds. */
  readonly driverPause: number;
}

/** Runs the tills in a separate process. */
export async function postFrom(url: string, { events, size, everyMs }: Posting): Promise<Posted> {
  const words = ['--max-semi-space-size=1', import.meta.filename, url, String(events), String(size), String(everyMs)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`the tills ended with ${code}`);
  return JSON.parse(printed) as Posted;
}

async function post(url: string, { events, size, everyMs }: Posting): Promise<Posted> {
  const run = randomBytes(4).toString('hex');
  const all = baskets(events, hourOf(Date.now()) * HOUR_MS).map((event) => ({ ...event, ref: `${run}-${event.ref}` }));
  const signal = AbortSignal.timeout(DEADLINE_MS);
  let driverPause = 0;
  const pauses = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) driverPause = Math.max(driverPause, duration);
  });
  pauses.observe({ entryTypes: ['gc'] });
  const times: number[] = [];
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: TILLS }, async () => {
      const till = new Till(url, Math.random);
      while (next < all.length) {
        const body = all.slice(next, next + size);
        next += size;
        const sent = performance.now();
        await till.send(body, signal);
        const took = performance.now() - sent;
        times.push(took);
        if (took < everyMs) await wait(everyMs - took);
      }
      await till.close();
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  pauses.disconnect();
  return {
    perSecond: all.length / seconds,
    median: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    driverPause,
  };
}

if (process.argv[1] === import.meta.filename) {
  const [url, events, size, everyMs] = process.argv.slice(2) as [string, string, string, string];
  const posted = await post(url, { events: Number(events), size: Number(size), everyMs: Number(everyMs) });
  process.stdout.write(JSON.stringify(posted));
}
