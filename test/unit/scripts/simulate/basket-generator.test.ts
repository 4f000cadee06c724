import t from 'tap';
import { history } from '../../../../scripts/simulate/history.ts';
import { seeded } from '../../../../scripts/simulate/random.ts';
import { parseEvent } from '../../../../shared/event/parse.ts';

const DAY_MS = 86_400_000;
const UNTIL = Date.UTC(2026, 2, 30, 12);
const past = (seed: number) => [
  ...history({
    currency: 'EUR',
    timeZone: 'Europe/Berlin',
    refPrefix: 'till-1-h',
    cashiers: ['ada', 'ben'],
    random: seeded(seed),
    until: UNTIL,
    days: 3,
  }),
];

t.test('every simulated event is one that a till may send', async (t) => {
  const events = past(1);
  const wrong = events.map((event) => parseEvent(event, { now: 0, store: null })).filter(({ ok }) => !ok);
  t.ok(events.length > 500);
  t.strictSame(wrong, []);
});

t.test('history lies in its days, in order, and in every hour of the day', async (t) => {
  const times = past(1).map(({ ts }) => Date.parse(ts));
  t.ok(times.every((at) => at >= UNTIL - 3 * DAY_MS && at < UNTIL));
  t.strictSame(
    times,
    times.toSorted((a, b) => a - b),
  );
  t.equal(new Set(times.map((at) => new Date(at).getUTCHours())).size, 24);
});

t.test('the same seed makes the same history, so that sending it again makes duplicates', async (t) => {
  t.equal(JSON.stringify(past(1)), JSON.stringify(past(1)));
  t.not(JSON.stringify(past(1)), JSON.stringify(past(2)));
});

t.test('there are sales, refunds of earlier sales, and voids; each ref is there once', async (t) => {
  const events = past(1);
  const refs = new Set(events.map(({ ref }) => ref));
  const refunds = events.filter(({ type }) => type === 'refund');
  t.equal(refs.size, events.length);
  t.strictSame([...new Set(events.map(({ type }) => type))].sort(), ['refund', 'sale', 'void']);
  t.ok(refunds.every(({ attrs }) => refs.has((attrs as { of: string }).of)));
  t.ok(
    events.every(({ amount, items }) => amount === items!.reduce((sum, { qty, price }) => sum + qty * price, 0)),
    'an amount is the sum of its items',
  );
});
