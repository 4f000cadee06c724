import t from 'tap';
import { startHousekeeping } from '../../../../agent/buffer/housekeeping-schedule.ts';
import { FakeTimers } from '../../../support/agent/fake-timers.ts';

t.test('slices follow one another closely while there is more, else come once a minute', async (t) => {
  const timers = new FakeTimers();
  const more = [true, true, false, false];
  let slices = 0;
  const end = startHousekeeping({
    expire: () => more[slices++] ?? false,
    notice: () => {},
    failed: (error) => t.fail(String(error)),
    after: (ms, run) => timers.after(ms, run),
  });
  timers.advance(59_999);
  t.equal(slices, 0);
  timers.advance(1);
  t.equal(slices, 1);
  timers.advance(50);
  t.equal(slices, 3);
  timers.advance(60_000);
  t.equal(slices, 4);
  end();
  t.same(timers.waiting, []);
});

t.test('a fault is told, and it tries again', async (t) => {
  const timers = new FakeTimers();
  const faults: unknown[] = [];
  const end = startHousekeeping({
    expire: () => {
      throw new Error('disk I/O error');
    },
    notice: () => {},
    failed: (error) => faults.push(error),
    after: (ms, run) => timers.after(ms, run),
  });
  timers.advance(120_000);
  t.equal(faults.length, 2);
  end();
});

t.test('what support wrote is noticed within five seconds', async (t) => {
  const timers = new FakeTimers();
  let notices = 0;
  const end = startHousekeeping({
    expire: () => false,
    notice: () => {
      if (++notices === 1) throw new Error('disk I/O error');
    },
    failed: (error) => t.match(error, /disk/),
    after: (ms, run) => timers.after(ms, run),
  });
  timers.advance(5_000);
  t.equal(notices, 1);
  timers.advance(5_000);
  t.equal(notices, 2);
  end();
  t.same(timers.waiting, []);
});
