/** An event as people see it: customer dimensions and `attrs` are hidden unless asked for. */
import { redact } from '../../../shared/event/card-data/card-data.ts';
import type { StoredEvent } from '../../port/buffer-reader.ts';
import { iso } from '../terminal/format.ts';
import { type EventJson, eventJson, flagNames } from './event-json.ts';
import { maskForDisplay } from './mask-event.ts';

export const HIDDEN = '[hidden]';
/** Dimensions that name a person. */
const PERSONAL: ReadonlySet<string> = new Set(['customer']);

export interface EventView {
  readonly stream: string;
  readonly seq: number;
  readonly state: StoredEvent['state'];
  /** RFC 3339: when it entered that state. */
  readonly at: string;
  /** Why it was quarantined. */
  readonly reason: string | null;
  /** The store that the event was assigned to. */
  readonly store: string | null;
  readonly flags: readonly string[];
  /** Null when the row does not match its checksum; `fault` then says what is wrong. */
  readonly event: EventJson | null;
  readonly fault: string | null;
}

function redacted({ dims, attrs, ...rest }: EventJson): EventJson {
  return {
    ...rest,
    ...(dims === undefined
      ? {}
      : {
          dims: Object.fromEntries(
            Object.entries(dims).map(([key, value]) => [key, PERSONAL.has(key) ? HIDDEN : value]),
          ),
        }),
    ...(attrs === undefined ? {} : { attrs: HIDDEN }),
  };
}

/** @param showValues shows what is hidden by default; card data is never shown */
export function eventView(stored: StoredEvent, showValues: boolean): EventView {
  const { stream, seq, state, at, reason, fault } = stored;
  const event = stored.event === null ? null : maskForDisplay(stored.event);
  const json = event === null ? null : eventJson(event);
  return {
    stream,
    seq,
    state,
    at: iso(at),
    reason: reason === null ? null : redact(reason),
    store: event?.store ?? null,
    flags: event === null ? [] : flagNames(event),
    event: json === null || showValues ? json : redacted(json),
    fault: fault === null ? null : redact(fault),
  };
}
