/**
 * Masks card data in an event: searches each of its texts, and masks it in a form that the field
 * allows.
 */

import { decimalOf, isRawNumber, parseExactJson, type RawNumber } from '../../exact-json.ts';
import { storeId } from '../../ids.ts';
import { FLAG, type Item, type TillEvent } from '../event.ts';
import { escaped } from '../field-errors.ts';
import { hasEnoughDigits, holdsCardData, maskCardData } from './card-data.ts';
import { isBarCode } from './exclusions.ts';
import { MIN_CARD_DIGITS } from './issuer-ranges.ts';

export interface Masked {
  /** With `FLAG.masked`. A masked ref contains an asterisk. */
  readonly event: TillEvent;
  /** JSON pointers (RFC 6901) to the masked values, themselves without card data. */
  readonly pointers: readonly string[];
}

/** Ids, types and keys allow letters only. */
const LETTER = 'x';
/** Names of fields that contain bar codes. */
const BAR_CODE_KEY = /ean|gtin|upc|sscc|bar.?code|sku/i;
/** @returns null when the event holds no card data */
export function maskEvent(event: TillEvent): Masked | null {
  const pointers: string[] = [];
  const text = <T extends string | null>(given: T, pointer: string, fill?: string): T => {
    if (given === null || given.length < MIN_CARD_DIGITS) return given;
    const masked = maskCardData(given, fill);
    if (masked !== given) pointers.push(pointer);
    return masked as T;
  };
  const type = text(event.type, '/type', LETTER);
  const ref = text(event.ref, '/ref');
  const dims = maskDims(event.dims, text);
  const store =
    event.store !== null && event.store.length >= MIN_CARD_DIGITS ? maskCardData(event.store, LETTER) : null;
  const items = maskItems(event.items, text);
  const attrs = maskAttrs(event.attrs, pointers);
  if (pointers.length === 0) return null;
  return {
    event: {
      ...event,
      flags: event.flags | FLAG.masked,
      type,
      ref,
      store: store === null ? event.store : storeId(store),
      dims,
      items,
      attrs,
    },
    pointers: [...new Set(pointers)],
  };
}

type MaskText = (given: string, pointer: string, fill?: string) => string;

/** Keys stay in order and unique, whatever they are masked to. */
function maskDims(dims: readonly string[], text: MaskText): readonly string[] {
  if (dims.every((part) => part.length < MIN_CARD_DIGITS)) return dims;
  const masked = new Map<string, string>();
  const tries = new Map<string, number>();
  for (let at = 0; at < dims.length; at += 2) {
    const [given, value] = [dims[at]!, dims[at + 1]!];
    const pointer = `/dims/${escaped(maskCardData(given, LETTER))}`;
    let key = text(given, pointer, LETTER);
    if (masked.has(key)) key = distinct(key, LETTER, masked, tries);
    const isCode = BAR_CODE_KEY.test(given) && isBarCode(value);
    masked.set(key, isCode ? value : text(value, pointer, given === 'store' ? LETTER : undefined));
  }
  return [...masked.keys()].sort().flatMap((key) => [key, masked.get(key)!]);
}

function maskItems(items: readonly Item[], text: MaskText): readonly Item[] {
  let masked: Item[] | null = null;
  for (const [index, item] of items.entries()) {
    if (item.sku.length < MIN_CARD_DIGITS || isBarCode(item.sku)) continue;
    const sku = text(item.sku, `/items/${index}/sku`);
    if (sku === item.sku) continue;
    masked ??= [...items];
    masked[index] = { ...item, sku };
  }
  return masked ?? items;
}

function maskAttrs(attrs: string | null, pointers: string[]): string | null {
  if (attrs === null || !hasEnoughDigits(attrs)) return attrs;
  const before = pointers.length;
  const masked = maskValue(parseExactJson(attrs), '', '/attrs', pointers);
  return pointers.length === before ? attrs : JSON.stringify(masked);
}

/** @param key of the value */
function maskValue(value: unknown, key: string, pointer: string, pointers: string[]): unknown {
  switch (typeof value) {
    case 'string': {
      if (BAR_CODE_KEY.test(key) && isBarCode(value)) return value;
      const masked = maskCardData(value);
      if (masked !== value) pointers.push(pointer);
      return masked;
    }
    case 'number':
      return maskNumber(value, key, pointer, pointers);
    case 'object':
      if (value === null) return null;
      if (isRawNumber(value)) return maskNumber(value, key, pointer, pointers);
      if (Array.isArray(value)) return value.map((part, at) => maskValue(part, key, `${pointer}/${at}`, pointers));
      return maskObject(value as Readonly<Record<string, unknown>>, pointer, pointers);
    default:
      return value;
  }
}

/** Padding zeros of an exponent beyond this are no card number's. */
const MAX_WHOLE_DIGITS = 64;

/** Digits that may be a card number: those before the point; with an exponent, all as written. */
function readingsOf(number: number | RawNumber, source: string): string[] {
  const { digits, exponent } = decimalOf(number);
  const whole = Math.max(0, digits.length + exponent);
  const readings = whole > MAX_WHOLE_DIGITS ? [] : [digits.slice(0, whole).padEnd(whole, '0')];
  const [mantissa = '', power] = source.split(/e/i);
  if (power !== undefined) readings.push(mantissa.replaceAll(/[^0-9]/g, '').replace(/^0+/, ''));
  return readings;
}

/** @returns a masked text for a number that is a card's; else the number */
function maskNumber(number: number | RawNumber, key: string, pointer: string, pointers: string[]): unknown {
  const source = typeof number === 'number' ? String(number) : number.rawJSON;
  if (source.length < MIN_CARD_DIGITS) return number;
  const isCode = BAR_CODE_KEY.test(key);
  const card = readingsOf(number, source).find((digits) => !(isCode && isBarCode(digits)) && holdsCardData(digits));
  if (card === undefined) return number;
  pointers.push(pointer);
  const masked = maskCardData(card);
  // Without two digits, whose place the quotes take: attrs do not get longer.
  return masked.slice(Math.max(2, masked.length - source.length + 2));
}

function maskObject(object: Readonly<Record<string, unknown>>, pointer: string, pointers: string[]): unknown {
  const taken = new Set<string>();
  const tries = new Map<string, number>();
  const entries = Object.entries(object).map(([given, value]): [string, unknown] => {
    let key = maskCardData(given);
    const at = `${pointer}/${escaped(key)}`;
    if (key !== given) pointers.push(at);
    // Two numbers with the same last digits remain two keys, of the same length.
    if (taken.has(key)) key = distinct(key, '*', taken, tries);
    taken.add(key);
    return [key, maskValue(value, given, at, pointers)];
  });
  // Not by assignment, because "__proto__" is an ordinary key here.
  return Object.fromEntries(entries);
}

/**
 * A masked key of the same length that is not in use: there is room for some hundred in attrs.
 *
 * @param tries how many were tried for each masked key, so that none is tried twice
 */
function distinct(key: string, fill: string, taken: { has(key: string): boolean }, tries: Map<string, number>): string {
  for (let count = tries.get(key) ?? 0; ; count++) {
    const letters = [Math.floor(count / 26), count % 26].map((letter) => String.fromCharCode(0x61 + letter));
    const candidate = letters.reduce((text, letter) => text.replace(fill, letter), key);
    if (taken.has(candidate)) continue;
    tries.set(key, count + 1);
    return candidate;
  }
}
