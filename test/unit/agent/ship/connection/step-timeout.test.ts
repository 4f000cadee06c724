import t from 'tap';
import { StepTimeout } from '../../../../../agent/ship/connection/step-timeout.ts';
import { FakeTimers } from '../../../../support/agent/fake-timers.ts';

const begun = () => {
  const timers = new FakeTimers();
  return { timers, timeout: new StepTimeout(timers), socket: { bytesRead: 0 } };
};

t.test('a step without a byte is given up after 20 s, TCP as well as those behind it', async (t) => {
  const { timers, timeout, socket } = begun();
  timers.advance(19_999);
  timeout.next(socket);
  timers.advance(19_999);
  t.notOk(timeout.signal.aborted);
  timers.advance(1);
  t.match(timeout.signal.reason, { message: 'no answer' });
  t.same(timers.waiting, []);
});

t.test('a slow step goes on while something comes, but not for ever', async (t) => {
  const { timers, timeout, socket } = begun();
  timeout.next(socket);
  for (let passed = 0; passed < 149_000; passed += 1_000) {
    socket.bytesRead += 10;
    timers.advance(1_000);
  }
  t.notOk(timeout.signal.aborted);
  timers.advance(1_000);
  t.ok(timeout.signal.aborted);
});

t.test('once it is connected nothing waits any more', async (t) => {
  const { timers, timeout, socket } = begun();
  timeout.next(socket);
  timeout.clear();
  t.same(timers.waiting, []);
  timers.advance(200_000);
  t.notOk(timeout.signal.aborted);
});
