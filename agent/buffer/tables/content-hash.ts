/** Hash of an event's content: tells a retry from another event with the same ref. */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { FLAG, type Item, type TillEvent } from '../../../shared/event/event.ts';
import { decimalOf, isRawNumber, parseExactJson, type RawNumber } from '../../../shared/exact-json.ts';
import { nfc } from '../../../shared/nfc.ts';

const HASH_BYTES = 16;

function hashOf(content: readonly unknown[]): Buffer {
  const digest = hash('sha256', JSON.stringify(content), 'hex');
  // A digest as a buffer is allocated outside the heap, which costs as much as the hashing.
  return Buffer.from(digest.slice(0, 2 * HASH_BYTES), 'hex');
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** One form for all spellings of a value: keys sorted, texts in NFC, 1.0 as 1. */
function canonical(value: unknown): unknown {
  if (typeof value === 'string') return nfc(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isRawNumber(value)) return canonicalNumber(value);
  if (Array.isArray(value)) return value.map(canonical);
  const entries = Object.entries(value).map(([key, part]): [string, unknown] => [nfc(key), canonical(part)]);
  // Pairs keep the place of a key such as "1"; the wrapper makes them differ from any array.
  return { pairs: entries.sort(byKey) };
}

/** The double, where it is exact; else a wrapper, which differs from any number. */
function canonicalNumber(number: RawNumber): unknown {
  const written = decimalOf(number);
  const rounded = Number(number.rawJSON);
  const { digits, exponent } = Number.isFinite(rounded) ? decimalOf(rounded) : { digits: '', exponent: 0 };
  if (digits === written.digits && exponent === written.exponent) return rounded;
  return { number: `${written.isNegative ? '-' : ''}${written.digits}e${written.exponent}` };
}

/** Attrs that say nothing are as none. */
function canonicalAttrs(attrs: string | null): readonly unknown[] {
  return attrs === null || /^(?:null|""|\[\]|\{\})$/.test(attrs) ? [] : [canonical(parseExactJson(attrs))];
}

/** An older agent kept empty dimensions, and texts as they came. */
function canonicalDims(dims: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at < dims.length; at += 2) if (dims[at + 1] !== '') kept.push(dims[at]!, nfc(dims[at + 1]!));
  return kept;
}

function canonicalItem(item: Item): Item {
  const sku = nfc(item.sku);
  return sku === item.sku ? item : { ...item, sku };
}

/**
 * Whether a retry of the event can be recognised: it has a ref, which was not masked. Other masked
 * fields do not matter: they are masked in the same way in the retry.
 */
export const isDeduplicable = (event: TillEvent): event is TillEvent & { readonly ref: string } =>
  event.ref !== null && !((event.flags & FLAG.masked) !== 0 && event.ref.includes('*'));

/** In place of a time that the agent corrected: what the till gave is not known any more. */
const CORRECTED = 'corrected';

function timeOf({ ts, flags }: TillEvent): number | string | null {
  if ((flags & FLAG.tsDefaulted) !== 0) return null;
  return (flags & FLAG.tsCorrected) !== 0 ? CORRECTED : ts;
}

/** So far apart may be the times of a sale and its repeat, each corrected by its own estimate. */
const SAME_TIME_MS = 60_000;

/** Whether two events with one hash may be one sale: the hash leaves a corrected time out. */
export const mayBeSame = (a: TillEvent, b: TillEvent): boolean =>
  (a.flags & b.flags & FLAG.tsCorrected) === 0 || Math.abs(a.ts - b.ts) <= SAME_TIME_MS;

/**
 * First 16 bytes of SHA-256 over a canonical form: the same for all spellings of one content. Of
 * the time only the instant counts. A defaulted `ts` is left out, and so is the stamped store: it
 * comes from the agent's configuration unless it is among the dims.
 */
export function contentHash(event: TillEvent): Buffer {
  const { type, amount, currency, ref, dims, items, attrs } = event;
  return hashOf([
    type,
    timeOf(event),
    amount,
    currency,
    ref === null ? null : nfc(ref),
    canonicalDims(dims),
    items.map(canonicalItem),
    canonicalAttrs(attrs),
  ]);
}

/**
 * Other hashes under which the same content may be known: that of an agent before the upgrade, and
 * that of an event whose time was corrected and which recovery found.
 */
export const otherHashes = (event: TillEvent): Buffer[] => [
  hashOfOlderAgents(event),
  contentHash({ ...event, flags: event.flags | FLAG.tsCorrected }),
];

/**
 * Agents of 0.1 compared spellings: offsets beside instants, and numbers as doubles. Refs are kept
 * for 24 hours, so the release after the next one does without.
 */
function hashOfOlderAgents(event: TillEvent): Buffer {
  const { type, ts, offset, amount, currency, ref, dims, items } = event;
  const attrs = event.attrs === null ? [] : [sortedKeys(JSON.parse(event.attrs))];
  const time = (event.flags & FLAG.tsDefaulted) !== 0 ? null : [ts, offset];
  return hashOf([type, time, amount, currency, ref, dims, items, attrs]);
}

function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortedKeys);
  return {
    pairs: Object.entries(value)
      .sort(byKey)
      .map(([key, part]) => [key, sortedKeys(part)]),
  };
}
