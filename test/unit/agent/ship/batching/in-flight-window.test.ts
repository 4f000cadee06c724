import t from 'tap';
import { type InFlight, InFlightWindow } from '../../../../../agent/ship/batching/in-flight-window.ts';
import { epoch, streamId } from '../../../../../shared/ids.ts';
import { TERMINAL } from '../../../../support/agent/events.ts';

const stream = streamId(TERMINAL, epoch('0123456789abcdef'));
const arrived = (): void => {};
const batch = (first: number, bytes = 1_000, lane: 'live' | 'backlog' = 'live'): InFlight => ({
  stream,
  first,
  last: first + 9,
  sum: first * 7,
  dictionary: 0,
  bytes,
  sentAt: first,
  arrivedAt: null,
  arrived,
  content: { lane, sent: { firstId: first, lastId: first + 9 } },
});
const ack = ({ stream, first, last, sum }: InFlight) => ({ stream, first, last, sum, result: 'stored' as const });

t.test('four batches may be on their way', async (t) => {
  const window = new InFlightWindow();
  for (const first of [1, 11, 21]) window.sent(batch(first));
  t.ok(window.room > 0);
  window.sent(batch(31));
  t.equal(window.room, 0);
  t.same(window.acked(ack(batch(11))), batch(11));
  t.ok(window.room > 0);
});

t.test('256 KiB may be on their way', async (t) => {
  const window = new InFlightWindow();
  t.equal(window.room, 256 * 1024);
  window.sent(batch(1, 200 * 1024));
  t.equal(window.room, 56 * 1024);
  window.acked(ack(batch(1, 200 * 1024)));
  t.equal(window.room, 256 * 1024);
});

t.test('credit scales both, and without it one batch may go', async (t) => {
  const window = new InFlightWindow();
  window.credit = 0.5;
  t.equal(window.slots, 2);
  window.sent(batch(1, 10 * 1024));
  t.equal(window.room, 118 * 1024);
  window.sent(batch(11));
  t.equal(window.room, 0);
  window.acked(ack(batch(1)));
  window.credit = 0;
  t.equal(window.slots, 1);
  t.equal(window.room, 0);
  window.acked(ack(batch(11)));
  t.equal(window.room, 256 * 1024);
});

t.test('it knows how many batches of a lane are on their way', async (t) => {
  const window = new InFlightWindow();
  window.sent(batch(1));
  window.sent(batch(11, 1_000, 'backlog'));
  window.sent(batch(21, 1_000, 'backlog'));
  t.same([window.of('live'), window.of('backlog'), window.of('losses')], [1, 2, 0]);
});

t.test('an ack takes out nothing but exactly what it names', async (t) => {
  const window = new InFlightWindow();
  window.sent(batch(1));
  const right = ack(batch(1));
  for (const wrong of [
    { ...right, first: 2 },
    { ...right, last: 9 },
    { ...right, sum: 8 },
    { ...right, stream: 'till-2.0123456789abcdef' },
  ])
    t.equal(window.acked(wrong), null);
  t.equal(window.size, 1);
  t.not(window.acked(right), null);
  t.equal(window.acked(right), null, 'once');
});

t.test('the same batch twice at once is a fault of ours', async (t) => {
  const window = new InFlightWindow();
  window.sent(batch(1));
  t.throws(() => window.sent(batch(1)), /is already in flight/);
});
