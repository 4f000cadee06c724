/** Cost of the card masking, and its false positives. */
import { maskEvent } from '../../../shared/event/card-data/mask-event.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import type { TillEvent as PostedEvent } from '../../clients/till-event.ts';
import { NEAR_MISSES, type NearMiss } from '../load/near-misses.ts';
import { parsed, random } from '../load/workload.ts';
import { median, type Section } from '../measure/report.ts';

const ROUNDS = 9;

/** An event with a near miss as its ref, in a sku, or in a text of attrs. */
export function eventWith(text: string, place: NearMiss['place']): TillEvent {
  const event = { type: 'sale', ts: '2026-11-22T09:30:00Z', ...fieldWith(text, place) };
  return parsed([event as unknown as PostedEvent])[0]!;
}

function fieldWith(text: string, place: NearMiss['place']): object {
  switch (place) {
    case 'ref':
      return { ref: text };
    case 'sku':
      return { items: [{ sku: text, qty: 1, price: 1 }] };
    case 'attrs':
      return { attrs: { note: text } };
  }
}

/** @param count numbers of each kind */
export function falsePositives(count: number): Section {
  const rows = NEAR_MISSES.map(({ what, place, make }) => {
    const next = random(11);
    let taken = 0;
    for (let i = 0; i < count; i++) if (maskEvent(eventWith(make(next), place)) !== null) taken++;
    return { 'near miss': what, as: place, 'taken for a card, %': (100 * taken) / count };
  });
  return {
    name: 'Taken for card data',
    how: `Of ${count.toLocaleString('en-US')} made-up numbers of each kind. Luhn alone would take 10 % of all that have 13 to 19 digits.`,
    rows,
  };
}

const EXAMPLES: Readonly<Record<string, object>> = {
  'two items, no long digits': { ref: 'R-1001', dims: { method: 'card', customer: 'u81' }, items: items('SKU-17', 2) },
  'UUID, bar codes, attrs with an instant': {
    ref: '550e8400-e29b-41d4-a716-446655440000',
    items: items('4006381333931', 2),
    attrs: { at: '2026-11-22T09:30:00+05:30', by: 'c3' },
  },
  '4 KiB of attrs without digits': { attrs: { note: 'a gift, wrapped '.repeat(250) } },
  'a card number as ref': { ref: '4111 1111 1111 1111' },
};

function items(sku: string, count: number): object[] {
  return Array.from({ length: count }, () => ({ sku, qty: 1, price: 100 }));
}

export function guardCost(passes: number): Section {
  const rows = Object.entries(EXAMPLES).map(([what, fields]) => {
    const event = parsed([{ type: 'sale', ts: '2026-11-22T09:30:00Z', ...fields } as unknown as PostedEvent])[0]!;
    const times = Array.from({ length: ROUNDS }, () => {
      const start = process.hrtime.bigint();
      for (let pass = 0; pass < passes; pass++) maskEvent(event);
      return Number(process.hrtime.bigint() - start) / passes;
    });
    return { event: what, 'guard ns': median(times.slice(3)) };
  });
  return { name: 'Guard against card data', how: `Nanoseconds an event, medians of ${ROUNDS - 3} rounds.`, rows };
}
