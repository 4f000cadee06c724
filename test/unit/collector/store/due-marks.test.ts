import fc from 'fast-check';
import t from 'tap';
import { dueMinute } from '../../../../collector/store/due-marks.ts';
import { MINUTE_MS, minuteOf } from '../../../../shared/time.ts';
import { holds } from '../../../support/shared/property.ts';

const instants = fc.integer({ min: Date.UTC(2010, 0), max: Date.UTC(2030, 0) });
const graces = fc.integer({ min: 0, max: 3_600_000 });

holds(
  t,
  'a mark is due no earlier than a grace after the end, and no later than the minute that follows it',
  fc.property(instants, graces, fc.nat(7_200_000), (end, grace, before) => {
    const due = dueMinute(end, end - before, grace) * MINUTE_MS;
    return due >= end + grace && due < Math.max(end + grace, end - before) + MINUTE_MS;
  }),
);

holds(
  t,
  'of what has ended longer ago, it is due in the next minute: never in one whose marks may have been listed',
  fc.property(instants, graces, fc.nat(7_200_000), (end, grace, after) => {
    const now = end + grace + after;
    return dueMinute(end, now, grace) === minuteOf(now) + 1;
  }),
);

t.test('an end and grace on a whole minute are due in that minute', (t) => {
  const end = Date.UTC(2011, 2, 27, 10);
  t.equal(dueMinute(end, end - 1, 120_000) * MINUTE_MS, end + 120_000);
  t.equal(dueMinute(end, end - 1, 120_001) * MINUTE_MS, end + 180_000);
  t.end();
});
