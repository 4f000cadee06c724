/**
 * Events for benchmarks: small baskets generated from a seed, and invoices of the Online Retail
 * data.
 */

import type { TillEvent } from '../../../shared/event/event.ts';
import { parseEvent } from '../../../shared/event/parse.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { TillEvent as PostedEvent } from '../../clients/till-event.ts';
import { readTrade } from '../../datasets/online-retail/read-transactions.ts';

/** mulberry32: a small generator that gives the same events in each run. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const METHODS = ['card', 'cash', 'upi'];

/** A sale of two items, as a corner shop posts it. @param at milliseconds since 1970 */
export function basket(index: number, at: number, next: () => number): PostedEvent {
  const items = [0, 1].map(() => ({
    sku: `SKU-${Math.floor(next() ** 2 * 2_000)}`,
    qty: 1 + Math.floor(next() * 3),
    price: 50 + Math.floor(next() * 2_000),
  }));
  return {
    type: 'sale',
    ts: new Date(at).toISOString(),
    amount: items.reduce((sum, { qty, price }) => sum + qty * price, 0),
    currency: 'GBP',
    ref: `R-${index}`,
    dims: {
      method: METHODS[Math.floor(next() * METHODS.length)]!,
      cashier: `c${Math.floor(next() * 4)}`,
      customer: `u${Math.floor(next() * 3_000)}`,
    },
    items,
  };
}

/** Small baskets spread over the hour from `hourStart`. */
export function baskets(count: number, hourStart: number): PostedEvent[] {
  const next = random(7);
  return Array.from({ length: count }, (_, i) => basket(i, hourStart + Math.floor((i / count) * HOUR_MS), next));
}

/** The first invoices of the file, moved into one hour: the content is real, the times are not. */
export async function invoices(file: string, count: number, hourStart: number): Promise<PostedEvent[]> {
  const found: PostedEvent[] = [];
  for await (const event of readTrade(file)) {
    found.push({ ...event, ts: new Date(hourStart + Math.floor((found.length / count) * HOUR_MS)).toISOString() });
    if (found.length === count) return found;
  }
  throw new Error(`${file} holds only ${found.length} invoices; ${count} are wanted`);
}

/**
 * Parses events as the agent does.
 *
 * @throws Error when one is rejected, because the workload is then wrong
 */
export function parsed(events: readonly PostedEvent[]): TillEvent[] {
  return events.map((event) => {
    const result = parseEvent(event, { now: 0, store: null });
    if (!result.ok) throw new Error(`a made-up event is refused: ${JSON.stringify(result.errors)}`);
    return result.event;
  });
}
