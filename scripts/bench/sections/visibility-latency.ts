/** Latency from a POST at the till to the figure in the merchant's API. */

import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { HOUR_MS } from '../../../shared/time.ts';
import { System } from '../load/test-system.ts';
import { basket, random } from '../load/workload.ts';
import { quantile, type Section } from '../measure/report.ts';
import type { StoreUnderTest } from './end-to-end.ts';

const DEADLINE_MS = 60_000;
const POLL_MS = 20;

/**
 * Posts `rate` single events a second without waiting for answers, while polling the API for the
 * count.
 */
export async function latencies(system: System, rate: number, seconds: number): Promise<number[]> {
  const count = rate * seconds;
  const next = random(11);
  const signal = AbortSignal.timeout(seconds * 1000 + DEADLINE_MS);
  const postedAt: number[] = [];
  const visible: number[] = [];
  const posts: Promise<unknown>[] = [];
  const start = performance.now();
  const poster = async (): Promise<void> => {
    while (postedAt.length < count) {
      const due = Math.min(count, Math.floor(((performance.now() - start) / 1000) * rate));
      while (postedAt.length < due) {
        const till = system.tills[postedAt.length % system.tills.length]!;
        posts.push(till.send([basket(postedAt.length, Date.now(), next)], signal));
        postedAt.push(performance.now());
      }
      await wait(2);
    }
  };
  const reader = async (): Promise<void> => {
    while (visible.length < count) {
      signal.throwIfAborted();
      const now = Date.now();
      const seen = await system.counted(now - 2 * HOUR_MS, now + HOUR_MS);
      const at = performance.now();
      // The n-th count is matched with the n-th post: tills overtake each other by less than a
      // poll.
      while (visible.length < Math.min(seen, postedAt.length)) visible.push(at - postedAt[visible.length]!);
      await wait(POLL_MS);
    }
  };
  await Promise.all([poster(), reader()]);
  await Promise.all(posts);
  return visible;
}

export async function visibility(
  stores: readonly StoreUnderTest[],
  { rate, seconds }: { rate: number; seconds: number },
): Promise<Section> {
  const rows = [];
  for (const { name, choice } of stores) {
    const merchant = `bench-${randomBytes(4).toString('hex')}`;
    await using system = await System.start({ merchant, agents: 2, ...(choice && { store: choice }) });
    const all = await latencies(system, rate, seconds);
    rows.push({
      store: name,
      'events/s': rate,
      events: all.length,
      'p50 s': quantile(all, 0.5) / 1000,
      'p99 s': quantile(all, 0.99) / 1000,
      'max s': quantile(all, 1) / 1000,
    });
  }
  return {
    name: 'From POST to visible',
    how: `Single posts to two agents of one merchant at a fixed rate; the API is asked every ${POLL_MS} ms for the count of the open hour.`,
    rows,
  };
}
