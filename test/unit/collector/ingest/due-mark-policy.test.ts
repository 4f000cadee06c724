import t from 'tap';
import { DurableMarkCache, minuteDue, SKIP_MARGIN_MS } from '../../../../collector/ingest/due-mark-policy.ts';
import { merchantId, terminalId } from '../../../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../../../shared/time.ts';

const HOUR = 500_000;
const START = HOUR * HOUR_MS;
const END = START + HOUR_MS;
const GRACE_MS = 120_000;
const due = (now: number, graceMs = GRACE_MS) => minuteDue(HOUR, now, graceMs);
const endPlusGrace = (END + GRACE_MS) / MINUTE_MS;

t.test('an open hour is due a grace after its end', async (t) => {
  t.equal(due(START), endPlusGrace);
  t.equal(due(END - 1), endPlusGrace);
});

t.test('a grace that is no whole minute is rounded up', async (t) => {
  t.equal(due(START, 61_000), END / MINUTE_MS + 2);
  t.equal(due(START, 1), END / MINUTE_MS + 1);
  t.equal(due(START, 0), END / MINUTE_MS);
});

t.test('a closed hour is due in the next minute, also within its grace', async (t) => {
  t.equal(due(END), END / MINUTE_MS + 1);
  t.equal(due(END + 59_999), END / MINUTE_MS + 1);
  t.equal(due(END + 60_000), END / MINUTE_MS + 2);
  t.equal(due(END + 30 * 24 * HOUR_MS), (END + 30 * 24 * HOUR_MS) / MINUTE_MS + 1);
});

t.test('an hour that starts up to an hour ahead counts as open, later ones as late', async (t) => {
  t.equal(due(START - HOUR_MS), endPlusGrace);
  const now = START - HOUR_MS - 1;
  t.equal(due(now), Math.floor(now / MINUTE_MS) + 1);
});

const subject = { merchant: merchantId('acme'), hour: HOUR, terminal: terminalId('till-1') };

/** What the clocks say where the monotonic one began with the hour and neither was ever set. */
const at = (now: number) => ({ now, clock: now - START });

t.test('a mark covers its terminal until ten seconds before its minute, and not after', async (t) => {
  const made = new DurableMarkCache(10);
  made.record(subject, endPlusGrace, at(START));
  const last = endPlusGrace * MINUTE_MS - SKIP_MARGIN_MS;
  t.equal(SKIP_MARGIN_MS, 10_000);
  t.ok(made.covers(subject, at(last)));
  t.notOk(made.covers(subject, at(last + 1)));
});

t.test('a wall clock that was set back does not make a mark cover that a run may have listed', async (t) => {
  const made = new DurableMarkCache(10);
  made.record(subject, endPlusGrace, at(START));
  const { clock } = at(endPlusGrace * MINUTE_MS);
  const setBack = { now: START, clock };
  t.notOk(made.covers(subject, setBack));
  made.record(subject, endPlusGrace, setBack);
  t.ok(made.covers(subject, setBack), 'one made since does');
});

t.test('a wall clock that was set forward ends the cover at once', async (t) => {
  const made = new DurableMarkCache(10);
  made.record(subject, endPlusGrace, at(START));
  t.notOk(made.covers(subject, { now: endPlusGrace * MINUTE_MS, clock: 1 }));
});

t.test('without a mark of this process nothing is covered; nor is another hour, terminal or merchant', async (t) => {
  const made = new DurableMarkCache(10);
  t.notOk(made.covers(subject, at(START)));
  made.record(subject, endPlusGrace, at(START));
  t.notOk(made.covers({ ...subject, hour: HOUR + 1 }, at(START)));
  t.notOk(made.covers({ ...subject, terminal: terminalId('till-2') }, at(START)));
  t.notOk(made.covers({ ...subject, merchant: merchantId('other') }, at(START)));
});

t.test('of two marks the later one counts, whichever was made first', async (t) => {
  for (const minutes of [
    [endPlusGrace, endPlusGrace - 30],
    [endPlusGrace - 30, endPlusGrace],
  ]) {
    const made = new DurableMarkCache(10);
    for (const minute of minutes) made.record(subject, minute, at(START));
    t.ok(made.covers(subject, at((endPlusGrace - 1) * MINUTE_MS)));
  }
});

t.test('what is remembered is bounded; the mark made longest ago is forgotten, and costs one more', async (t) => {
  const made = new DurableMarkCache(3);
  const remembered = () => [0, 1, 2, 3, 4].filter((more) => made.covers({ ...subject, hour: HOUR + more }, at(START)));
  for (const more of [0, 1, 2, 3]) made.record({ ...subject, hour: HOUR + more }, endPlusGrace + 1_000, at(START));
  t.same(remembered(), [1, 2, 3]);
  made.record({ ...subject, hour: HOUR + 2 }, endPlusGrace + 1_001, at(START));
  t.same(remembered(), [1, 2, 3], 'one that is made again takes no place');
  for (const more of [4, 0]) made.record({ ...subject, hour: HOUR + more }, endPlusGrace + 1_000, at(START));
  t.same(remembered(), [0, 2, 4], 'and is a new one');
});
