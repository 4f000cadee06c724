/** The disk under the collector's SQLite store takes seconds for a call: strace delays it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { atOnce, sellingRegion } from '../../support/collector/busy-store.ts';
import { killedAtEnd } from '../../support/system/killed-at-end.ts';

t.setTimeout(300_000);
const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
const skip = canTrace ? false : 'strace is missing or not allowed';
const SLOW_MS = 12_000;

for (const [name, calls, delayMs, isTold] of [
  ['a disk that takes three seconds to sync', 'fdatasync,fsync', 3_000, true],
  ['a disk that takes a second for each write', 'pwrite64', 1_000, true],
  ['a disk that takes half a second for each read', 'pread64', 500, false],
] as const)
  t.test(`${name} stops no answer of the collector, and stores all`, { skip }, async (t) => {
    const region = await sellingRegion(t);
    const inject = `inject=${calls}:delay_enter=${delayMs * 1000}`;
    const args = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', inject];
    const strace = spawn('strace', [...args, '-p', `${region.collector.child.pid}`], { stdio: 'inherit' });
    killedAtEnd(t, strace);
    await wait(SLOW_MS / 4);
    // The others wait for what they have sent.
    await region.join();
    await wait(SLOW_MS);
    const during = region.tills.reduce((sum, till) => sum + till.stored.size, 0);
    const told = region.ready.answers.filter(({ status }) => status === 503);
    const end = once(strace, 'exit');
    strace.kill('SIGTERM');
    await end;
    const { sold, stored, counted } = await region.settle();
    atOnce(t, region);
    if (isTold) {
      t.match(told.at(-1), { text: /the store: no answer for \d+ s: .*slow disk/ });
      const busy = region.tills.flatMap(({ busy }) => busy);
      const each = region.tills.map((till) => `${till.stored.size} of ${till.sold} stored, ${till.busy.length} busy`);
      t.ok(busy.length > 0, `tills are asked to wait: ${each.join('; ')}`);
      t.match(busy[0], { reason: /the store has not answered for \d+ s/ });
    }
    t.ok(during > 0, 'and a slow disk still stores');
    t.ok(sold > 0);
    t.equal(stored, sold, 'every sale is stored afterwards');
    t.equal(counted, sold, 'and counts once');
  });
