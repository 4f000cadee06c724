/** Hash of an event's content: tells a retry from another event with the same ref. */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { FLAG, type TillEvent } from '../../../shared/event/event.ts';

const HASH_BYTES = 16;

function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortedKeys);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // Pairs keep the place of a key such as "1"; the wrapper makes them differ from any array.
  return { pairs: entries.map(([key, part]) => [key, sortedKeys(part)]) };
}

/**
 * Whether a retry of the event can be recognised: it has a ref, which was not masked. Other masked
 * fields do not matter: they are masked in the same way in the retry.
 */
export const isDeduplicable = (event: TillEvent): event is TillEvent & { readonly ref: string } =>
  event.ref !== null && !((event.flags & FLAG.masked) !== 0 && event.ref.includes('*'));

/**
 * First 16 bytes of SHA-256 over a canonical form: dims and attrs by sorted keys. A defaulted `ts`
 * is left out, and so is the stamped store: it comes from the agent's configuration unless it is
 * among the dims.
 */
export function contentHash(event: TillEvent): Buffer {
  const { type, amount, currency, ref, dims, items } = event;
  const time = event.flags & FLAG.tsDefaulted ? null : [event.ts, event.offset];
  const attrs = event.attrs === null ? [] : [sortedKeys(JSON.parse(event.attrs))];
  const digest = hash('sha256', JSON.stringify([type, time, amount, currency, ref, dims, items, attrs]), 'hex');
  // A digest as a buffer is allocated outside the heap, which costs as much as the hashing.
  return Buffer.from(digest.slice(0, 2 * HASH_BYTES), 'hex');
}
