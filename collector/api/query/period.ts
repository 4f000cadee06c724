/** The time range of a query: its parameters and their parsing. */
import Type, { type Static } from 'typebox';
import { parseTimestamp } from '../../../shared/event/timestamp.ts';
import { formatInstant, isTimeZone, type Range, startOfLocalDate, widenToSlots } from '../../../shared/time.ts';
import { badParameter } from './problem.ts';

export const PeriodQuery = {
  from: Type.Optional(
    Type.String({
      description:
        'Start, inclusive: an RFC 3339 instant or a local date. Default: the start of the local day of `to`.',
    }),
  ),
  to: Type.Optional(
    Type.String({
      description: 'End, exclusive: an RFC 3339 instant or a local date. Default: now. May lie in the future.',
    }),
  ),
  tz: Type.Optional(Type.String({ description: 'IANA time zone, such as Asia/Kolkata.', default: 'UTC' })),
};
/** `complete=only`: an answer that is not final is refused. */
export const CompleteQuery = {
  complete: Type.Optional(
    Type.String({ enum: ['only'], description: 'only: 409 in place of figures that are not final.' }),
  ),
};
const PeriodSchema = Type.Object(PeriodQuery);

export interface Period {
  /** Whole slots. */
  readonly range: Range;
  readonly tz: string;
}

const DATE = /^\d{4}-\d\d-\d\d$/;
/** Half-open ends may reach 2100-01-01 in any time zone. */
export const FIRST_INSTANT = Date.UTC(1999, 11, 31);
const LAST = Date.UTC(2100, 0, 2);

function bound(parameter: string, text: string, tz: string): number {
  if (DATE.test(text)) {
    let start: number;
    try {
      start = startOfLocalDate(text, tz);
    } catch {
      throw badParameter(parameter, `is not a date that exists: ${text}`);
    }
    if (start < FIRST_INSTANT || start > LAST) throw badParameter(parameter, 'must lie in the years 2000 to 2099');
    return start;
  }
  // A plus sign that was not percent-encoded arrives as a space.
  const parsed = parseTimestamp(text.replace(/ (?=\d\d:?\d\d$)/, '+'));
  if (!parsed.ok) throw badParameter(parameter, `${parsed.detail}, or a local date such as 2026-11-22`);
  return parsed.ts;
}

/**
 * @param now milliseconds since 1970
 * @throws Problem 400
 */
export function parsePeriod(query: Static<typeof PeriodSchema>, now: number): Period {
  const tz = query.tz ?? 'UTC';
  if (!isTimeZone(tz)) throw badParameter('tz', `is not a known IANA time zone: ${tz}`);
  const to = query.to === undefined ? now : bound('to', query.to, tz);
  const from = query.from === undefined ? startOfDay(to - 1, tz) : bound('from', query.from, tz);
  if (from >= to) throw badParameter('from', 'must lie before to');
  return { range: widenToSlots({ from, to }), tz };
}

const startOfDay = (at: number, tz: string): number => startOfLocalDate(formatInstant(at, tz).slice(0, 10), tz);
