import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { KeepAliveTimer } from '../../../../../collector/broker/transport/keep-alive-timer.ts';

/** 15 ms without a sign of life are too long. */
const SECONDS = 0.01;
const SILENT_MS = 15;

function started(t: Test) {
  const line = { received: 100 };
  const silent = Promise.withResolvers<number>();
  const start = performance.now();
  const timer = new KeepAliveTimer(
    () => line.received,
    () => silent.resolve(performance.now() - start),
  );
  timer.start(SECONDS);
  t.teardown(() => timer.end());
  return { line, timer, silent: silent.promise };
}

t.test('a client from which nothing comes is silent after one and a half keep-alives', async (t) => {
  const { silent } = started(t);
  t.ok((await silent) >= SILENT_MS - 1);
});

t.test('a byte of an unfinished packet, or TLS record, is a sign of life', async (t) => {
  const { line, timer, silent } = started(t);
  for (let piece = 0; piece < 12; piece++) {
    await wait(5);
    line.received++;
    // What passes TLS is heard at once; what does not shows when the time is up.
    if (piece < 6) timer.heard();
  }
  t.ok((await silent) >= 60 + SILENT_MS - 2);
});

t.test('none is silent that announced no keep-alive, or whose connection has ended', async (t) => {
  let silent = 0;
  const timers = [0, SECONDS].map((seconds) => {
    const timer = new KeepAliveTimer(
      () => 0,
      () => silent++,
    );
    timer.start(seconds);
    return timer;
  });
  timers[1]!.end();
  timers[1]!.heard();
  await wait(3 * SILENT_MS);
  t.equal(silent, 0);
});
