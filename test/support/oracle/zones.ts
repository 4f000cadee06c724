/** Local days by hand, for the years of the data: no time zone library has a say. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const ZONES = ['Europe/London', 'Asia/Kolkata', 'Asia/Kathmandu'] as const;
export type Zone = (typeof ZONES)[number];

/** 01:00 UTC on the last Sunday of a month (0 = January): when summer time begins and ends in the European Union, 2002 to now. */
function changeIn(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0));
  return last.getTime() - last.getUTCDay() * DAY + HOUR;
}

/** Minutes ahead of UTC at an instant. */
function offsetAt(at: number, zone: Zone): number {
  if (zone === 'Asia/Kolkata') return 5 * 60 + 30;
  if (zone === 'Asia/Kathmandu') return 5 * 60 + 45;
  const year = new Date(at).getUTCFullYear();
  return at >= changeIn(year, 2) && at < changeIn(year, 9) ? 60 : 0;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** RFC 3339 of an instant with its zone's offset. */
export function written(at: number, zone: Zone | 'UTC'): string {
  const offset = zone === 'UTC' ? 0 : offsetAt(at, zone);
  const local = new Date(at + offset * MINUTE).toISOString().slice(0, 19);
  return `${local}+${two(Math.floor(offset / 60))}:${two(offset % 60)}`;
}

/** `2011-03-28 09:15:00` in London as an instant. A time that comes twice is its first one, one that is left out an hour later. */
export function londonInstant(text: string): number {
  const asUtc = Date.parse(`${text.replace(' ', 'T')}Z`);
  const summer = asUtc - HOUR;
  const year = new Date(asUtc).getUTCFullYear();
  const [begins, ends] = [changeIn(year, 2), changeIn(year, 9)];
  return summer >= begins && summer < ends ? summer : asUtc;
}

/** The instant at which a local date such as `2011-03-27` begins. None of the three zones changes its clock at midnight. */
export function startOfDay(date: string, zone: Zone): number {
  if (zone === 'Europe/London') return londonInstant(`${date} 00:00:00`);
  const asUtc = Date.parse(`${date}T00:00:00Z`);
  return asUtc - offsetAt(asUtc, zone) * MINUTE;
}

/** Starts of the local days from one date up to another, exclusive. */
export function daysBetween(from: string, to: string, zone: Zone): number[] {
  const days: number[] = [];
  for (let at = Date.parse(from); at < Date.parse(to); at += DAY)
    days.push(startOfDay(new Date(at).toISOString().slice(0, 10), zone));
  return days;
}

/** Starts of the UTC hours between two instants. */
export function hoursBetween(from: number, to: number): number[] {
  const hours: number[] = [];
  for (let at = from; at < to; at += HOUR) hours.push(at);
  return hours;
}
