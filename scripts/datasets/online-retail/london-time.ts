/** Converts the file's local times, which are those of Europe/London. */

const ZONE = 'Europe/London';
const LOCAL = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/;

/**
 * RFC 3339 with London's offset of that time.
 *
 * Where summer time begins, a time in the hour that does not exist moves forward by that hour.
 * Where it ends, a time that occurs twice is the earlier of the two. This is "compatible", as in
 * RFC 5545 and as in `Temporal` by default.
 *
 * @param text `2011-03-28 09:15:00`
 * @throws TypeError on another form, RangeError on a date or time that does not exist
 */
export function londonTime(text: string): string {
  const match = LOCAL.exec(text);
  if (match === null) throw new TypeError(`not a local time: ${JSON.stringify(text)}`);
  return Temporal.PlainDateTime.from(`${match[1]}T${match[2]}`, { overflow: 'reject' })
    .toZonedDateTime(ZONE, { disambiguation: 'compatible' })
    .toString({ timeZoneName: 'never' });
}
