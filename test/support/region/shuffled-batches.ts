/**
 * A trade as a till's batches that reach the collector in an order of chance: some come twice, some
 * are cut anew so that they overlap what is stored, some come weeks later.
 */

import type { TillEvent as PostedEvent } from '../../../scripts/clients/till-event.ts';
import { parseEvent } from '../../../shared/event/parse.ts';
import { epoch } from '../../../shared/ids.ts';
import { hourOf } from '../../../shared/time.ts';
import { encodeEvents } from '../../../shared/wire/batch.ts';
import { EPOCH } from '../collector/mqtt-till.ts';

export interface Shares {
  /** Of the batches, 0 to 1. */
  readonly twice: number;
  readonly late: number;
}

export interface Shuffled {
  readonly first: readonly Uint8Array[];
  readonly late: readonly Uint8Array[];
}

/** Events of one hour that a till batches together at most. */
const LONGEST = 5;

/** @param random in [0, 1) */
export function shuffledBatches(trade: readonly PostedEvent[], shares: Shares, random: () => number): Shuffled {
  const chunks = [...Map.groupBy(trade, ({ ts }) => hourOf(Date.parse(ts)))].flatMap(([hour, events]) =>
    cut(events, random).map((events) => ({ hour, events })),
  );
  const kept: Uint8Array[][] = [];
  const twice: Uint8Array[] = [];
  let seq = 1;
  for (const { hour, events } of shuffle(chunks, random)) {
    const batch = batchOf(hour, seq, events);
    kept.push([batch]);
    if (random() < shares.twice) {
      // As a till does that was restarted in between: its batches then begin elsewhere.
      const from = Math.floor(random() * events.length);
      twice.push(random() < 0.5 ? batch : batchOf(hour, seq + from, events.slice(from)));
    }
    seq += events.length;
  }
  const lateFrom = Math.floor(kept.length * (1 - shares.late));
  const first = shuffle([...kept.slice(0, lateFrom).flat(), ...twice], random);
  return { first, late: kept.slice(lateFrom).flat() };
}

/** Consecutive events of an hour, as one batch each. */
export function orderedBatches(trade: readonly PostedEvent[]): Uint8Array[] {
  let seq = 1;
  return [...Map.groupBy(trade, ({ ts }) => hourOf(Date.parse(ts)))].map(([hour, events]) => {
    const batch = batchOf(hour, seq, events);
    seq += events.length;
    return batch;
  });
}

function batchOf(hour: number, firstSeq: number, events: readonly PostedEvent[]): Uint8Array {
  const parsed = events.map((event) => {
    const result = parseEvent(event, { now: 0, store: null });
    if (!result.ok) throw new Error(`an event is refused: ${JSON.stringify(result.errors)}`);
    return result.event;
  });
  return encodeEvents({ epoch: epoch(EPOCH), firstSeq, hour, clearThrough: 0 }, parsed).bytes;
}

function cut(events: readonly PostedEvent[], random: () => number): PostedEvent[][] {
  const chunks: PostedEvent[][] = [];
  for (let at = 0; at < events.length; ) {
    const length = 1 + Math.floor(random() * LONGEST);
    chunks.push(events.slice(at, at + length));
    at += length;
  }
  return chunks;
}

/** Fisher and Yates. */
function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const shuffled = [...items];
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
  }
  return shuffled;
}
