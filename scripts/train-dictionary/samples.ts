/** Sample bodies of small batches: of synthetic merchants, and of pseudonymized real invoices. */
import type { TillEvent } from '../../shared/event/event.ts';
import { parseEvent } from '../../shared/event/parse.ts';
import { storeId } from '../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../shared/time.ts';
import { Columns } from '../../shared/wire/column-encoder.ts';
import { pack } from '../../shared/wire/message-pack.ts';
import type { TillEvent as PostedEvent } from '../clients/till-event.ts';
import { pick, seeded, weighted } from '../simulate/random.ts';
import { STORES } from './market-profiles.ts';
import { Renaming } from './pseudonymize.ts';
import { Merchant } from './synthetic-merchant.ts';

/** Events of one merchant in one hour, posted in order. */
export interface Trade {
  readonly posted: readonly PostedEvent[];
  /** The same events, as the agent parses them. */
  readonly events: readonly TillEvent[];
}

/** Batch sizes: mostly one event (an idle till), sometimes a few (a busy one). */
const SIZES = [
  [1, 12],
  [2, 3],
  [3, 2],
  [5, 1],
  [10, 1],
] as const;
/** In 2026 and 2027. */
const FIRST_HOUR = hourOf(Date.UTC(2026, 0, 1));
const HOURS = 2 * 365 * 24;
/** Invoices per pseudonymized merchant. */
const INVOICES = 60;
const EVENTS = 60;

function trade(posted: readonly PostedEvent[], random: () => number): Trade {
  const store = random() < 0.4 ? storeId(pick(random, STORES)) : null;
  const events = posted.map((event) => {
    const parsed = parseEvent(event, { now: 0, store });
    if (!parsed.ok) throw new Error(`a made-up event is refused: ${JSON.stringify(parsed.errors)}`);
    return parsed.event;
  });
  return { posted, events };
}

/** Random instants in one hour, ascending. */
function instants(random: () => number, count: number): number[] {
  const start = (FIRST_HOUR + Math.floor(random() * HOURS)) * HOUR_MS;
  return Array.from({ length: count }, () => start + Math.floor(random() * HOUR_MS)).sort((a, b) => a - b);
}

/** @param seed of the merchant: two merchants share nothing but the styles */
export function madeUp(seed: number): Trade {
  const random = seeded(seed);
  const merchant = new Merchant(random);
  return trade(
    instants(random, EVENTS).map((at) => merchant.next(at)),
    random,
  );
}

/** Real invoices, `INVOICES` at a time, each group as another merchant's. */
export function renamed(invoices: readonly PostedEvent[], seed: number): Trade[] {
  const trades: Trade[] = [];
  for (let at = 0; at + INVOICES <= invoices.length; at += INVOICES) {
    const random = seeded(seed + at);
    const naming = new Renaming(random);
    const times = instants(random, INVOICES);
    const posted = invoices
      .slice(at, at + INVOICES)
      .map((event, i) => naming.event(event, new Date(times[i]!).toISOString()));
    trades.push(trade(posted, random));
  }
  return trades;
}

/** Training bodies: the trade cut into small batches at random. */
export function bodies({ events }: Trade, seed: number): Uint8Array[] {
  const random = seeded(seed);
  const found: Uint8Array[] = [];
  for (let at = 0; at < events.length; ) {
    const batch = events.slice(at, at + weighted<number>(random, SIZES));
    at += batch.length;
    // The packer reuses its buffer, so the bytes are copied.
    found.push(Uint8Array.from(pack(Columns.of(batch, hourOf(batch[0]!.ts)).body())));
  }
  return found;
}
