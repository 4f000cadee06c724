/**
 * The history of a buffer before it is damaged, and what an outsider knows of it: answers, and what
 * a collector received.
 */

import type { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import type { Intake } from '../../../agent/port/intake.ts';
import type { Settlement } from '../../../agent/port/outbox.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { parseEvent } from '../../../shared/event/parse.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';

/** `stream/seq`. */
export type Key = string;

export interface Known {
  /** Accepted events, under the identity that was answered. */
  readonly accepted: Map<Key, TillEvent>;
  /** Events that the collector has. */
  readonly stored: Map<Key, TillEvent>;
  /** Events that the collector refused. */
  readonly refused: Set<Key>;
  /** Events that were reported to the collector as lost. */
  readonly lost: Set<Key>;
  /**
   * Retries not recognised as duplicates at once, with their first event; null where that was
   * damaged.
   */
  readonly repeats: Map<Key, Key | null>;
  readonly faults: string[];
}

export const nothingKnown = (): Known => ({
  accepted: new Map(),
  stored: new Map(),
  refused: new Set(),
  lost: new Set(),
  repeats: new Map(),
  faults: [],
});

const TERMINAL = 'till-1';
const keyOf = (epoch: string, seq: number): Key => `${TERMINAL}.${epoch}/${seq}`;

function event(random: () => number, ref: string, now: number): TillEvent {
  const long = random() < 0.04 ? 20 + Math.floor(random() * 300) : Math.floor(random() * 4);
  const result = parseEvent(
    {
      type: random() < 0.9 ? 'sale' : 'refund',
      amount: Math.floor(random() * 100_000),
      currency: 'EUR',
      // Unique, and at the start of the packed event.
      ref,
      ts: now - Math.floor(random() * 3) * HOUR_MS,
      items: Array.from({ length: long }, (_, at) => ({ sku: `SKU-${ref}-${at}`, qty: 1, price: 100 })),
    },
    { now, store: null },
  );
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.event;
}

export class Shop {
  readonly #random: () => number;
  readonly #known: Known;
  readonly #soldAt = new Map<Key, number>();
  #sold = 0;
  now = Date.UTC(2026, 10, 22, 10);

  constructor(random: () => number, known: Known) {
    this.#random = random;
    this.#known = known;
  }

  /** A till that got no answer sends an earlier sale again. */
  async repeat(intake: Intake): Promise<void> {
    const keys = [...this.#soldAt].filter(([, at]) => this.now - at < DAY_MS).map(([key]) => key);
    const key = keys[Math.floor(this.#random() * keys.length)];
    if (key === undefined) return;
    const event = this.#known.accepted.get(key)!;
    const answer = await intake.accept([event]);
    if (answer.kind !== 'accepted') return;
    if (answer.accepted === 0) {
      const [first] = answer.duplicates;
      if (`${first?.stream}/${first?.seq}` !== key)
        this.#known.faults.push(`a repeat of ${key} was answered ${JSON.stringify(first)}`);
      return;
    }
    const again = `${answer.stream}/${answer.firstSeq}`;
    this.#known.accepted.set(again, event);
    this.#known.repeats.set(again, key);
  }

  /** Sells `count` events at once; retries while no buffer can take them. */
  async sell(intake: Intake, count: number): Promise<void> {
    const events = Array.from({ length: count }, () => event(this.#random, `ref-${this.#sold++}`, this.now));
    let answer = await intake.accept(events);
    while (answer.kind === 'unavailable') {
      await new Promise((resolve) => setTimeout(resolve, 2));
      answer = await intake.accept(events);
    }
    if (answer.kind !== 'accepted' || answer.accepted !== count || answer.firstSeq === null) {
      this.#known.faults.push(`${count} new sales were answered ${JSON.stringify(answer)}`);
      return;
    }
    // Seqs are assigned in the order of the hours.
    const ordered = [...events].sort((a, b) => Math.floor(a.ts / HOUR_MS) - Math.floor(b.ts / HOUR_MS));
    for (const [at, sold] of ordered.entries()) {
      const key = `${answer.stream}/${answer.firstSeq + at}`;
      if (this.#known.accepted.has(key)) this.#known.faults.push(`${key} was given out twice`);
      this.#known.accepted.set(key, sold);
      this.#soldAt.set(key, this.now);
    }
  }

  /** A collector stores some pending events and loss records; not all of its answers arrive. */
  async ship(buffer: SqliteBuffer): Promise<void> {
    const random = this.#random;
    const pending = [...buffer.pending(0)];
    const from = Math.floor(random() ** 3 * pending.length);
    const batch = pending.slice(from, from + 1 + Math.floor(random() * pending.length));
    const settlements: Settlement[] = [];
    const answered = random() < 0.8;
    for (const { epoch, seq, event } of batch) {
      if (random() < 0.01) {
        this.#known.refused.add(keyOf(epoch, seq));
        if (answered) settlements.push({ kind: 'quarantined', epoch, firstSeq: seq, lastSeq: seq, reason: 'odd' });
        continue;
      }
      this.#known.stored.set(keyOf(epoch, seq), event);
      if (answered) settlements.push({ kind: 'stored', epoch, firstSeq: seq, lastSeq: seq });
    }
    settlements.push(...this.reportLosses(buffer, random() < 0.8));
    await buffer.settle(settlements);
  }

  /** Reports every unreported loss record to the collector. */
  reportLosses(buffer: SqliteBuffer, answered: boolean): Settlement[] {
    const losses = buffer.losses(10_000);
    for (const { epoch, firstSeq, count } of losses) {
      for (let seq = firstSeq; seq < firstSeq + count; seq++) this.#known.lost.add(keyOf(epoch, seq));
    }
    return answered ? losses.map(({ id }) => ({ kind: 'loss-stored', id })) : [];
  }

  /** Events that the buffer still offers. */
  offered(buffer: SqliteBuffer): Map<Key, TillEvent> {
    return new Map([...buffer.pending(0)].map(({ epoch, seq, event }) => [keyOf(epoch, seq), event]));
  }
}
