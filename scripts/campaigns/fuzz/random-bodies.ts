/** Bodies of POST /v1/events as a faulty till might send them. */
import { Buffer } from 'node:buffer';
import { pick } from '../../simulate/random.ts';
import { below, mutated, mutatedJson, nasty, type Random } from './mutation.ts';

const EVENT = {
  type: 'sale',
  ts: '2026-11-22T09:30:00+05:30',
  amount: 129_900,
  currency: 'INR',
  ref: 'R-1001',
  dims: { method: 'upi', cashier: 'c3', customer: 'u81' },
  items: [
    { sku: 'A1', qty: 2, price: 64_950 },
    { sku: '4006381333931', qty: 0.125, price: 1 },
    { sku: 'COUPON', qty: -1, price: -50 },
    { sku: 'FUEL', qty: 41.27, amount: 7_424 },
  ],
  attrs: { any: ['json', 1, null, { deep: true }] },
};

const CONTENT_TYPES = [
  ...[
    'application/json',
    'application/x-ndjson',
    'application/ndjson; charset=utf-8',
    'text/plain',
    'application/json;;;',
  ],
  ...['multipart/form-data', '', 'application/x-ndjson,application/json'],
];

export interface WildBody {
  readonly bytes: Buffer;
  readonly contentType: string;
}

export function randomBody(random: Random): WildBody {
  const bytes = Buffer.from(text(random));
  return {
    bytes: random() < 0.3 ? mutated(random, bytes) : bytes,
    contentType: pick(random, CONTENT_TYPES),
  };
}

function text(random: Random): string {
  const event = (): string => {
    const ref = random() < 0.5 ? EVENT.ref : `R-${below(random, 1_000_000)}`;
    return mutatedJson(random, { ...EVENT, ref }, pick(random, [0, 0, 0.02, 0.15, 0.5]));
  };
  switch (below(random, 8)) {
    case 0:
      return nasty(random);
    case 1:
      return `[${Array.from({ length: below(random, 30) }, event).join(',')}]`;
    case 2:
    case 3:
      return Array.from({ length: below(random, 30) }, event).join(
        pick(random, ['\n', '\r\n', '\n\n \n', '\r', '\u2028']),
      );
    case 4:
      return `\ufeff${event()}`;
    case 5:
      return Array.from({ length: below(random, 2_000) }, () => String.fromCharCode(below(random, 0x10000))).join('');
    default:
      return event();
  }
}
