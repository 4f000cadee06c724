import t from 'tap';
import { AnswerTimeout } from '../../../../../agent/ship/line/answer-timeout.ts';
import { ANSWER_MS, LineMeter } from '../../../../../agent/ship/line/line-meter.ts';
import { FakeTimers } from '../../../../support/agent/fake-timers.ts';

function watched() {
  const timers = new FakeTimers();
  let set = 0;
  const counting = {
    now: () => timers.now(),
    after(ms: number, run: () => void) {
      set++;
      return timers.after(ms, run);
    },
  };
  const expired: number[] = [];
  const timeout = new AnswerTimeout(new LineMeter(counting.now), counting, () => expired.push(timers.now()));
  return { timers, timeout, expired, timersSet: () => set };
}

t.test('a session that goes on expires when its last packet has waited, with few timers', async (t) => {
  const { timers, timeout, expired, timersSet } = watched();
  const start = timers.now();
  for (let packet = 0; packet <= 1_000; packet++) {
    timeout.arm(timers.now());
    if (packet < 1_000) timers.advance(10);
  }
  timers.advance(10 * ANSWER_MS);
  t.strictSame(expired, [start + 10_000 + ANSWER_MS]);
  t.equal(timersSet(), 2);
});

t.test('what waits since an earlier time moves the end forward', async (t) => {
  const { timers, timeout, expired } = watched();
  const start = timers.now();
  timers.advance(20_000);
  timeout.arm(timers.now());
  timeout.arm(start);
  timers.advance(10 * ANSWER_MS);
  t.strictSame(expired, [start + ANSWER_MS]);
});

t.test('nothing expires once all is answered, or after the end', async (t) => {
  for (const end of ['answered', 'cleared']) {
    const { timers, timeout, expired } = watched();
    timeout.arm(timers.now());
    if (end === 'answered') timeout.arm(null);
    else timeout.clear();
    timers.advance(10 * ANSWER_MS);
    t.strictSame(expired, [], end);
  }
});
