/**
 * Tills that post to one agent, in a process of their own whose garbage is collected in small pieces: with V8's usual young generation the
 * driver stops for 10 ms several times a second, which would be taken for the agent's slowness.
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
  /** Events in a post. */
  readonly size: number;
  /** From one post of a till to its next at least; 0: each as fast as it can. */
  readonly everyMs: number;
}

export interface Posted {
  readonly perSecond: number;
  /** Milliseconds from a post to its answer. */
  readonly median: number;
  readonly p99: number;
  /** The longest stop of the driver itself, milliseconds. */
  readonly driverPause: number;
}

/** In a process of its own. */
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
