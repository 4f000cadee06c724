/** A request's body becomes events, all of them, or a list of what is wrong with it. */
import { type Buffer, isUtf8 } from 'node:buffer';
import { maskEvent } from '../../shared/event/card-data-event.ts';
import type { TillEvent } from '../../shared/event/event.ts';
import { type FieldError, type ParseContext, parseEvent } from '../../shared/event/parse.ts';
import { MAX_EVENT_BYTES } from '../../shared/event/schema.ts';
import { epoch } from '../../shared/ids.ts';
import { hourOf } from '../../shared/time.ts';
import { encodeEvents, MAX_UNPACKED_BYTES, MAX_WIRE_BYTES } from '../../shared/wire/batch.ts';
import { parseJson } from './exact-numbers.ts';
import { MAX_DEPTH, scan } from './scan.ts';
import { locateSyntaxFault } from './syntax-error.ts';

export type Format = 'json' | 'ndjson';
/** What happens to an event that holds card data: see `ingest.cardData`. */
export type CardDataPolicy = 'mask' | 'refuse';

export type EventsBody =
  | {
      readonly ok: true;
      readonly events: readonly TillEvent[];
      /** How many of them held card data. */
      readonly masked: number;
      /** Where each event is in the request: its index in the array, or that of its line. */
      readonly indexOf: (event: number) => number;
    }
  | { readonly ok: false; readonly status: 400 | 413; readonly detail: string; readonly errors: readonly FieldError[] };

/** No more are told: one mistake in a program makes them by the thousand. */
const MAX_ERRORS = 100;
/** No event of less JSON can fill a wire batch: each value packs into fewer bytes than its JSON takes. */
const LARGE_EVENT_BYTES = 100 * 1024;
const LOOKS_LIKE_A_CARD = 'looks like the number or the magnetic track of a payment card';
const PROBE = epoch('0000000000000000');
const BOM = [0xef, 0xbb, 0xbf];

const refuse = (status: 400 | 413, detail: string, errors: readonly FieldError[] = []): EventsBody => ({
  ok: false,
  status,
  detail,
  errors,
});

/** One JSON text of the body. */
interface Text {
  readonly bytes: Buffer;
  /** Its line's index, in NDJSON; null when it is the whole body. */
  readonly line: number | null;
}

function texts(bytes: Buffer, format: Format): Text[] {
  if (format === 'json') return [{ bytes, line: null }];
  const lines: Text[] = [];
  for (let start = 0, line = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const found = bytes.subarray(start, end);
    if (found.some((byte) => byte > 0x20)) lines.push({ bytes: found, line });
    start = end + 1;
  }
  return lines;
}

const pointerOf = (index: number | null): string => (index === null ? '' : `/${index}`);

/** Whether an event that is alone in its batch fits on the wire. */
function fitsAlone(event: TillEvent): boolean {
  const { bytes, header } = encodeEvents({ epoch: PROBE, firstSeq: 1, hour: hourOf(event.ts), clearThrough: 0 }, [
    event,
  ]);
  return bytes.length <= MAX_WIRE_BYTES && header.unpackedLength <= MAX_UNPACKED_BYTES;
}

interface Part {
  /** Null: the whole body is one event. */
  readonly index: number | null;
  readonly input: unknown;
  readonly large: boolean;
}

/** The events of one text, not yet checked. */
function partsOf({ bytes, line }: Text): Part[] | EventsBody {
  const scanned = scan(bytes, LARGE_EVENT_BYTES);
  if (scanned.kind === 'too-deep') {
    const pointer = pointerOf(line ?? scanned.index);
    return refuse(400, 'The body is nested too deeply.', [{ pointer, detail: `is nested deeper than ${MAX_DEPTH}` }]);
  }
  for (const { index, bytes } of scanned.large) {
    if (bytes <= MAX_EVENT_BYTES || (line !== null && index !== null)) continue;
    const detail = `has ${bytes} bytes of JSON, more than ${MAX_EVENT_BYTES}`;
    return refuse(413, 'An event is too large.', [{ pointer: pointerOf(line ?? index), detail }]);
  }
  const large = new Set(scanned.large.map(({ index }) => index));
  const source = bytes.toString('utf8');
  let input: unknown;
  try {
    input = parseJson(source);
  } catch {
    const fault = locateSyntaxFault(source);
    const place =
      fault === null ? '' : `: expected ${fault.expected} at line ${fault.line + (line ?? 0)}, column ${fault.column}`;
    return refuse(400, `The body is not JSON${place}.`, [{ pointer: pointerOf(line), detail: `is not JSON${place}` }]);
  }
  if (line === null && Array.isArray(input))
    return input.map((element, index) => ({ index, input: element, large: large.has(index) }));
  return [{ index: line, input, large: large.size > 0 }];
}

export interface BodyContext extends ParseContext {
  readonly cardData: CardDataPolicy;
}

/** All or nothing: one event that is wrong refuses the request. */
export function parseEventsBody(given: Buffer, format: Format, context: BodyContext): EventsBody {
  if (!isUtf8(given)) return refuse(400, 'The body is not UTF-8.');
  const bytes = BOM.every((byte, at) => given[at] === byte) ? given.subarray(BOM.length) : given;
  const events: TillEvent[] = [];
  const indexes: number[] = [];
  const errors: FieldError[] = [];
  let masked = 0;
  for (const text of texts(bytes, format)) {
    const parts = partsOf(text);
    if (!Array.isArray(parts)) return parts;
    for (const { index, input, large } of parts) {
      const parsed = parseEvent(input, context);
      const pointer = pointerOf(index);
      if (!parsed.ok) {
        for (const error of parsed.errors) errors.push({ pointer: pointer + error.pointer, detail: error.detail });
        if (errors.length >= MAX_ERRORS) break;
      } else if (large && !fitsAlone(parsed.event)) {
        return refuse(413, 'An event is too large.', [
          { pointer, detail: `does not fit into a batch of ${MAX_WIRE_BYTES} bytes` },
        ]);
      } else {
        const found = maskEvent(parsed.event);
        if (found !== null && context.cardData === 'refuse') {
          for (const at of found.pointers) errors.push({ pointer: pointer + at, detail: LOOKS_LIKE_A_CARD });
          if (errors.length >= MAX_ERRORS) break;
        }
        if (found !== null) masked++;
        events.push(found?.event ?? parsed.event);
        indexes.push(index ?? 0);
      }
    }
  }
  if (errors.length > 0) return refuse(400, 'An event is not valid; nothing was stored.', errors.slice(0, MAX_ERRORS));
  if (events.length === 0) return refuse(400, 'The body holds no event.');
  return { ok: true, events, masked, indexOf: (event) => indexes[event]! };
}
