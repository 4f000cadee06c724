/** The time range of a query: its parameters and their parsing. */
import Type, { type Static } from 'typebox';
import { parseTimestamp } from '../../../shared/event/timestamp.ts';
import { DAY_MS, formatInstant, isTimeZone, type Range, startOfLocalDate, widenToSlots } from '../../../shared/time.ts';
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
/** `asOf`: the answer of an earlier moment. */
export const AsOfQuery = {
  asOf: Type.Optional(
    Type.String({ description: 'An instant: the answer has what was published then. Not with complete=only.' }),
  ),
};
const PeriodSchema = Type.Object(PeriodQuery);
const AsOfSchema = Type.Object({ ...AsOfQuery, ...CompleteQuery });

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

/** How long what was published is kept: as long as raw batches are. */
const KEPT_DAYS = 400;

/**
 * @returns null when the answer is that of now
 * @throws Problem 400
 */
export function parseAsOf(
  { asOf, complete }: Static<typeof AsOfSchema>,
  tz: string | undefined,
  now: number,
): number | null {
  if (asOf === undefined) return null;
  if (complete !== undefined)
    throw badParameter('asOf', 'cannot be combined with complete: what was final then is not kept');
  const at = instant('asOf', asOf, tz);
  if (at > now) throw badParameter('asOf', 'lies in the future');
  if (at < now - KEPT_DAYS * DAY_MS)
    throw badParameter('asOf', `lies more than ${KEPT_DAYS} days back: what was published then is not kept any longer`);
  return at;
}

/**
 * An instant, or the start of a local date.
 *
 * @throws Problem 400
 */
export function instant(parameter: string, text: string, tz = 'UTC'): number {
  if (!isTimeZone(tz)) throw badParameter('tz', `is not a known IANA time zone: ${tz}`);
  return bound(parameter, text, tz);
}

const startOfDay = (at: number, tz: string): number => startOfLocalDate(formatInstant(at, tz).slice(0, 10), tz);
