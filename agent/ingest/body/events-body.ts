/** Parses a request body into events: all of them, or a list of errors. */
import { type Buffer, isUtf8 } from 'node:buffer';
import type { Cooperative } from '../../../shared/cooperative.ts';
import { maskEvent } from '../../../shared/event/card-data/mask-event.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type FieldError, type ParseContext, parseEvent } from '../../../shared/event/parse.ts';
import { MAX_EVENT_BYTES } from '../../../shared/event/schema.ts';
import { parseExactJson } from '../../../shared/exact-json.ts';
import { epoch } from '../../../shared/ids.ts';
import { hourOf } from '../../../shared/time.ts';
import { encodeEvents, isWithinBounds, MAX_WIRE_BYTES } from '../../../shared/wire/batch.ts';
import { MAX_DEPTH, scanJson } from './json-scanner.ts';
import { locateSyntaxFault } from './json-syntax-error.ts';
import { syntaxHint } from './syntax-hint.ts';

export type Format = 'json' | 'ndjson';
/** What happens to an event that holds card data: see `ingest.cardData`. */
export type CardDataPolicy = 'mask' | 'refuse';

export type EventsBody =
  | {
      readonly ok: true;
      readonly events: readonly TillEvent[];
      /** Number of events that held card data. */
      readonly masked: number;
      /** Position of an event in the request: its array index or its line number, from 0. */
      readonly indexOf: (event: number) => number;
    }
  | { readonly ok: false; readonly status: 400 | 413; readonly detail: string; readonly errors: readonly FieldError[] };

/** No more are reported: a single bug in a program makes them by the thousand. */
const MAX_ERRORS = 100;
/**
 * This many events take 200 MB including what is needed to store them; 8 MiB of sales hold fewer.
 */
export const MAX_EVENTS = 200_000;
/** A longer key is no field name; the error then points to the event only. */
const MAX_POINTER_LENGTH = 1_024;
/**
 * Smaller events always fit into a wire batch, because each value packs into fewer bytes than its
 * JSON.
 */
const LARGE_EVENT_BYTES = 100 * 1024;
const LOOKS_LIKE_A_CARD = 'looks like the number or the magnetic track of a payment card';
const PROBE = epoch('0000000000000000');
const NOT_UTF_8 = 'The body is not UTF-8. JSON is sent in UTF-8, not in UTF-16 or a code page such as Windows-1252.';
const BOM = [0xef, 0xbb, 0xbf];

const refuse = (status: 400 | 413, detail: string, errors: readonly FieldError[] = []): EventsBody => ({
  ok: false,
  status,
  detail,
  errors,
});

const pointerOf = (index: number | null): string => (index === null ? '' : `/${index}`);

/** Whether an event fits on the wire in a batch of its own. */
function fitsAlone(event: TillEvent): boolean {
  const identity = { epoch: PROBE, firstSeq: 1, hour: hourOf(event.ts), clearThrough: 0 };
  return isWithinBounds(encodeEvents(identity, [event]));
}

/** Byte range of one event's JSON. */
interface Part {
  /** Array index or line number; null when the whole body is one event. */
  readonly index: number | null;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

const NEWLINE = 0x0a;
/** Space and control characters below it: no line of JSON begins with a control character. */
const BLANK = 0x20;
/** Begins a text in a JSON sequence (RFC 7464). */
const RECORD_SEPARATOR = 0x1e;

/** Finds lines lazily: a body of eight million blank lines takes no memory. */
function* linesOf(bytes: Buffer): Generator<Part, EventsBody | null, void> {
  let index = 0;
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === NEWLINE) {
      index++;
      start = at + 1;
    }
    if (bytes[at] === RECORD_SEPARATOR) start = at + 1;
    if (bytes[at]! <= BLANK) continue;
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline < 0 ? bytes.length : newline;
    for (const found of scanJson(bytes.subarray(start, end))) if (found.kind === 'too-deep') return tooDeep(index);
    yield { index, start, end };
    at = end - 1;
  }
  return null;
}

function* elementsOf(bytes: Buffer): Generator<Part, EventsBody | null, void> {
  for (const found of scanJson(bytes)) {
    if (found.kind === 'too-deep') return tooDeep(found.index);
    if (found.kind === 'broken') return notJson(bytes, null);
    yield found;
  }
  return null;
}

const tooDeep = (index: number | null): EventsBody =>
  refuse(400, 'The body is nested too deeply.', [
    { pointer: pointerOf(index), detail: `is nested deeper than ${MAX_DEPTH}` },
  ]);

/** @param index null: the text is the whole body; else the number of the line that it is */
function notJson(bytes: Buffer, index: number | null): EventsBody {
  const text = bytes.toString();
  if (text.trim() === '') return refuse(400, 'The body is not JSON: it is empty.');
  const fault = locateSyntaxFault(text);
  const hint = fault === null ? null : syntaxHint(text, fault, index !== null);
  const place =
    fault === null ? '' : `: expected ${fault.expected} at line ${fault.line + (index ?? 0)}, column ${fault.column}`;
  const way = hint === null ? '' : ` (${hint})`;
  return refuse(400, `The body is not JSON${place}${way}.`, [
    { pointer: pointerOf(index), detail: `is not JSON${place}${way}` },
  ]);
}

export interface BodyContext extends ParseContext {
  readonly cardData: CardDataPolicy;
}

/**
 * All or nothing: one invalid event rejects the request. Events are parsed one by one, so memory is
 * bounded by the events in the body, and the event loop can run between two of them.
 */
export function* parseEventsBody(given: Buffer, format: Format, context: BodyContext): Cooperative<EventsBody> {
  if (!isUtf8(given)) return refuse(400, NOT_UTF_8);
  const bytes = BOM.every((byte, at) => given[at] === byte) ? given.subarray(BOM.length) : given;
  const events: TillEvent[] = [];
  const indexes: number[] = [];
  const errors: FieldError[] = [];
  let masked = 0;
  const parts = format === 'ndjson' ? linesOf(bytes) : elementsOf(bytes);
  let part = parts.next();
  for (; !part.done && errors.length < MAX_ERRORS; part = parts.next()) {
    const { index, start, end } = part.value;
    const pointer = pointerOf(index);
    if (events.length === MAX_EVENTS) return refuse(413, `The body holds more than ${MAX_EVENTS} events.`);
    if (end - start > MAX_EVENT_BYTES) {
      const detail = `has ${end - start} bytes of JSON, more than ${MAX_EVENT_BYTES}`;
      return refuse(413, 'An event is too large.', [{ pointer, detail }]);
    }
    let input: unknown;
    try {
      input = parseExactJson(bytes.toString('utf8', start, end));
    } catch {
      return format === 'ndjson' ? notJson(bytes.subarray(start, end), index ?? 0) : notJson(bytes, null);
    }
    const parsed = parseEvent(input, context);
    if (!parsed.ok) {
      for (const { pointer: field, detail } of parsed.errors)
        errors.push({ pointer: field.length > MAX_POINTER_LENGTH ? pointer : pointer + field, detail });
    } else if (end - start >= LARGE_EVENT_BYTES && !fitsAlone(parsed.event)) {
      return refuse(413, 'An event is too large.', [
        { pointer, detail: `does not fit into a batch of ${MAX_WIRE_BYTES} bytes` },
      ]);
    } else {
      const found = maskEvent(parsed.event);
      if (found !== null && context.cardData === 'refuse')
        for (const at of found.pointers) errors.push({ pointer: pointer + at, detail: LOOKS_LIKE_A_CARD });
      if (found !== null) masked++;
      events.push(found?.event ?? parsed.event);
      indexes.push(index ?? 0);
    }
    yield;
  }
  if (part.done && part.value !== null) return part.value;
  if (errors.length > 0) return refuse(400, 'An event is invalid; nothing was stored.', errors.slice(0, MAX_ERRORS));
  if (events.length === 0) return refuse(400, 'The body contains no event.');
  return { ok: true, events, masked, indexOf: (event) => indexes[event]! };
}
