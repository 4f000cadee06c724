import t from 'tap';
import { creditFor, retryAfterMs } from '../../../../collector/ingest/backpressure.ts';

t.test('the wait doubles with each failure in a row up to ten seconds, jittered down to half', async (t) => {
  t.same(
    [0, 1, 2, 3, 9, 1_000].map((failures) => retryAfterMs(failures, 1)),
    [500, 1_000, 2_000, 4_000, 10_000, 10_000],
  );
  t.same(
    [0, 1, 9].map((failures) => retryAfterMs(failures, 0)),
    [250, 500, 5_000],
  );
});

t.test('credit is full until half of the room is used, then falls, and never shuts a till up', async (t) => {
  t.same(
    [0, 0.5, 0.6, 0.75, 0.9, 1].map((used) => creditFor(used * 1_000, 1_000)),
    [1, 1, 0.8, 0.5, 0.25, 0.25],
  );
});
