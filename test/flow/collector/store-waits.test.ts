/** Another process makes SQLite wait: the collector goes on answering, in words. */
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { atOnce, OtherProcess, sellingRegion } from '../../support/collector/busy-store.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(300_000);
const LOCKED_MS = 6_000;
const UNTIL_MS = 60_000;

t.test('a lock of another process stops no answer, is told, and loses no sale', async (t) => {
  const region = await sellingRegion(t);
  const other = await OtherProcess.start(t, region.store, { before: 'BEGIN IMMEDIATE', work: 'COMMIT' });
  const [before, readyBefore] = [region.live.answers.length, region.ready.answers.length];
  await wait(LOCKED_MS);
  const during = region.live.answers.length - before;
  const unready = region.ready.answers.slice(readyBefore).filter(({ status }) => status === 503);
  const answered = await region.api.metrics({ metrics: 'events.count', interval: 'total', from: '2026-11-22' });
  await other.work();
  await until(() => region.ready.answers.at(-1)?.status === 200, { what: 'ready again', deadlineMs: UNTIL_MS });
  const { sold, stored, counted } = await region.settle();
  atOnce(t, region);
  t.ok(during > LOCKED_MS / 500, `${during} answers during the lock`);
  t.ok(unready.length > 0, '/readyz turns 503 within the lock');
  for (const { text } of unready)
    t.match(text, /the store: .*(no answer for \d+ s.*another process|another process keeps the file locked)/);
  t.ok(answered.series.length > 0, 'figures are answered during the lock');
  const busy = region.tills.flatMap(({ busy }) => busy);
  t.ok(busy.length > 0, 'tills are asked to wait');
  for (const { retryAfterMs, reason } of busy) {
    t.ok(retryAfterMs! > 0);
    t.match(reason, /the store/);
  }
  t.ok(sold > 0);
  t.equal(stored, sold, 'every sale is stored afterwards');
  t.equal(counted, sold, 'and counts once');
});

t.test('what other processes do with the file stops no answer and loses no sale', async (t) => {
  const region = await sellingRegion(t);
  const fill = `CREATE TABLE filler AS
    WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 800) SELECT randomblob(50000) FROM n`;
  for (const [before, work] of [
    [fill, 'VACUUM; VACUUM; VACUUM;'],
    ['', `backup ${region.store}.copy`],
    ['BEGIN; SELECT count(*) FROM filler;', 'COMMIT; PRAGMA wal_checkpoint(TRUNCATE);'],
    ['', 'BEGIN EXCLUSIVE; CREATE TABLE filler2 AS SELECT * FROM filler; DROP TABLE filler2; COMMIT;'],
  ] as const) {
    const other = await OtherProcess.start(t, region.store, { before, work });
    await other.work();
  }
  const { sold, stored, counted } = await region.settle();
  atOnce(t, region);
  t.ok(sold > 0);
  t.equal(stored, sold, 'every sale is stored afterwards');
  t.equal(counted, sold, 'and counts once');
});

t.test('a collector whose writer ends by a fault says so and ends', async (t) => {
  const folder = testDir(t);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const preload = new URL('../../support/collector/failing-writer.mjs', import.meta.url).href;
  const runtime = { flags: ['--import', preload], environment: {} };
  const collector = new CollectorProcess({ folder, httpPort, mqttPort, runtime });
  await collector.start(UNTIL_MS);
  t.same(await collector.child.exited, { code: 1, signal: null });
  const last = readFileSync(collector.child.log, 'utf8').trimEnd().split('\n').at(-1)!;
  t.match(JSON.parse(last), {
    level: 60,
    msg: 'a fault ends this process',
    err: { message: /the thread that writes .*store\.db has ended \(exit code 1\).*the writer breaks/ },
  });
});

t.test('kill -9 during a lock and after it loses no sale that was stored', async (t) => {
  const region = await sellingRegion(t);
  const other = await OtherProcess.start(t, region.store, { before: 'BEGIN IMMEDIATE', work: 'COMMIT' });
  await until(() => region.ready.answers.at(-1)?.status === 503, { what: 'not ready', deadlineMs: UNTIL_MS });
  await Promise.all([region.live.stop(), region.ready.stop()]);
  await region.collector.child.kill();
  const stored = region.tills.reduce((sum, till) => sum + till.stored.size, 0);
  await other.work();
  await region.collector.start(UNTIL_MS);
  const counted = await region.counted();
  t.ok(counted >= stored, `${stored} sales were answered, ${counted} are there`);
});

t.test('a stop during a lock waits for it, and ends in order', async (t) => {
  const region = await sellingRegion(t);
  const other = await OtherProcess.start(t, region.store, { before: 'BEGIN IMMEDIATE', work: 'COMMIT' });
  await until(() => region.ready.answers.at(-1)?.status === 503, { what: 'not ready', deadlineMs: UNTIL_MS });
  await Promise.all([region.live.stop(), region.ready.stop()]);
  const stopped = region.collector.child.stop(UNTIL_MS);
  await wait(1_000);
  await other.work();
  t.same(await stopped, { code: 0, signal: null });
});
