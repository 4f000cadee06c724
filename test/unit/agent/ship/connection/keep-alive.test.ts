import t from 'tap';
import {
  announcedKeepAlive,
  KeepAlive,
  type LearnedKeepAlive,
} from '../../../../../agent/ship/connection/keep-alive.ts';

const answered = (keepAlive: KeepAlive, times: number) => {
  for (let ping = 0; ping < times; ping++) keepAlive.pingAnswered();
};

t.test('begins with 45 s, below what HAProxy (50 s) and nginx (60 s) cut after', async (t) => {
  t.equal(new KeepAlive().seconds, 45);
});

t.test('is at most 0.8 of the idle time after which a connection was cut, and at least 20 s', async (t) => {
  for (const [idleS, seconds] of [
    [50, 40],
    [30, 24],
    [26, 20],
    [15, 20],
    [300, 45],
  ]) {
    const keepAlive = new KeepAlive();
    keepAlive.cutAfter(idleS! * 1_000);
    t.equal(keepAlive.seconds, seconds, `cut after ${idleS} s`);
  }
});

t.test('grows while pings are answered, to 300 s, and never again to where it was cut', async (t) => {
  const keepAlive = new KeepAlive();
  answered(keepAlive, 20);
  t.equal(keepAlive.seconds, 67);
  answered(keepAlive, 400);
  t.equal(keepAlive.seconds, 300);
  keepAlive.cutAfter(120_000);
  t.equal(keepAlive.seconds, 96);
  answered(keepAlive, 400);
  t.equal(keepAlive.seconds, 96);
});

t.test('a cut that was an outage is taken back, one that was not is kept', async (t) => {
  const keepAlive = new KeepAlive();
  keepAlive.cutAfter(30_000);
  keepAlive.doubt();
  t.equal(keepAlive.seconds, 45);
  answered(keepAlive, 20);
  t.equal(keepAlive.seconds, 67, 'nothing was learned from it');
  keepAlive.cutAfter(50_000);
  keepAlive.confirm();
  keepAlive.doubt();
  t.equal(keepAlive.seconds, 40);
});

t.test('what was learned is told, and goes on after a restart', async (t) => {
  const told: LearnedKeepAlive[] = [];
  const keepAlive = new KeepAlive(null, (learned) => told.push(learned));
  keepAlive.cutAfter(50_000);
  t.same(told, [{ seconds: 40, cutAfterMs: 50_000 }]);
  const again = new KeepAlive(told[0]);
  answered(again, 400);
  t.equal(again.seconds, 40);
});

t.test('a cut that leaves the interval as it is bounds later ones after a restart, too', async (t) => {
  const told: LearnedKeepAlive[] = [];
  const keepAlive = new KeepAlive(null, (learned) => told.push(learned));
  keepAlive.cutAfter(120_000);
  t.same(told, [{ seconds: 45, cutAfterMs: 120_000 }]);
  const again = new KeepAlive(told[0]);
  answered(again, 400);
  t.equal(again.seconds, 96);
});

t.test('a slow line announces what its largest packet takes, not only when it pings', async (t) => {
  t.equal(announcedKeepAlive(45, 131_072, null), 45);
  t.equal(announcedKeepAlive(45, 131_072, 20_000), 45);
  t.equal(announcedKeepAlive(45, 131_072, 400), 328);
  t.equal(announcedKeepAlive(45, 131_072, 50), 1_200);
});
