import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { TlsReload } from '../../../../collector/app/tls-reload.ts';
import { readTls } from '../../../../collector/config/tls-files.ts';
import { type Issued, issue, type Wanted } from '../../../support/tls/issue-certificate.ts';

const DAY_MS = 86_400_000;
const own = (more: Partial<Wanted> = {}): Issued => issue({ name: 'own', names: ['localhost'], ...more });

function reloading(t: Test, first: Issued) {
  const dir = t.testdir({ key: first.key, cert: first.cert });
  const paths = { key: join(dir, 'key'), cert: join(dir, 'cert'), ca: null };
  const times = { now: Date.now(), clock: 0 };
  const presented: string[] = [];
  const lines: string[] = [];
  const outcomes: string[] = [];
  const days: number[] = [];
  const line = (fields: object, message: string) => lines.push(`${message} ${JSON.stringify(fields)}`);
  const reload = new TlsReload({
    ...{ paths, served: readTls(paths) },
    now: () => times.now,
    clock: () => times.clock,
    present: ({ cert }) => presented.push(cert),
    metrics: { reloaded: (outcome) => outcomes.push(outcome), expires: (_file, left) => days.push(left) },
    log: { info: line, warn: line },
  });
  return {
    ...{ paths, times, presented, lines, outcomes, days, reload },
    write({ key, cert }: { key: string; cert: string }): void {
      writeFileSync(paths.key, key);
      writeFileSync(paths.cert, cert);
    },
    async polls(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        times.clock += 2_000;
        await reload.poll();
      }
    },
  };
}

t.test('files that still change are left until two polls saw the same', async (t) => {
  const at = reloading(t, own());
  const [second, third] = [own(), own()];
  await at.polls(3);
  at.write(second);
  await at.polls(1);
  at.write(third);
  await at.polls(1);
  t.same(at.presented, []);
  await at.polls(1);
  t.same(at.presented, [third.cert]);
  await at.polls(50);
  t.same(at.outcomes, ['taken']);
});

t.test('a file that was only touched, or replaced by its like, changes nothing', async (t) => {
  const first = own();
  const at = reloading(t, first);
  utimesSync(at.paths.cert, 1, 1);
  await at.polls(3);
  writeFileSync(`${at.paths.cert}.new`, first.cert);
  renameSync(`${at.paths.cert}.new`, at.paths.cert);
  await at.polls(3);
  t.same([at.presented, at.outcomes, at.lines], [[], [], []]);
});

t.test('a new file with the earlier times and length is a change', async (t) => {
  const at = reloading(t, own());
  const second = own();
  await at.polls(2);
  at.write(second);
  for (const path of [at.paths.key, at.paths.cert]) utimesSync(path, 1, 1);
  await at.polls(2);
  t.same(at.presented, [second.cert]);
});

t.test('what stays broken is counted each minute and logged each hour', async (t) => {
  const at = reloading(t, own());
  writeFileSync(at.paths.key, 'half of');
  await at.polls(2);
  t.match(at.lines, [/earlier ones stay in use .*mqtt\.tls\.key is not a private key in PEM/]);
  await at.polls(30);
  t.same(at.outcomes, ['refused', 'refused']);
  await at.polls(1_740);
  t.equal(at.lines.length, 1);
  await at.polls(60);
  t.equal(at.lines.length, 2);
});

t.test('what was put back as it was is told, and again what breaks then', async (t) => {
  const first = own();
  const at = reloading(t, first);
  writeFileSync(at.paths.cert, '');
  await at.polls(2);
  at.write(first);
  await at.polls(2);
  writeFileSync(at.paths.cert, '');
  await at.polls(2);
  t.match(at.lines, [/not taken/, /again those that are in use/, /not taken/]);
  t.same(at.presented, []);
});

t.test('a certificate that begins tomorrow is taken then', async (t) => {
  const at = reloading(t, own({ to: 9 }));
  const next = own({ from: 1 });
  at.write(next);
  await at.polls(40);
  t.same(at.presented, []);
  t.match(at.lines, [/CN=own begins on/]);
  at.times.now += 1.01 * DAY_MS;
  await at.polls(31);
  t.same(at.presented, [next.cert]);
});

t.test('the days that are left go on, below zero, and a start with an ended one is told', async (t) => {
  const at = reloading(t, own({ to: 9 }));
  t.same(at.days.map(Math.round), [9]);
  at.times.now += 10 * DAY_MS;
  await at.polls(1);
  t.same(at.days.map(Math.round), [9, -1]);
  const ended = reloading(t, own({ from: -9, to: -1 }));
  t.match(ended.lines, [/tills will refuse this certificate .*CN=own ended on/]);
});

t.test('what a listener does not take leaves the earlier in use', async (t) => {
  const first = own();
  const at = reloading(t, first);
  at.presented.push = () => {
    throw new Error('no');
  };
  at.write(own());
  at.reload.reload();
  t.match(at.lines, [/not taken.*"reason":"no"/]);
  at.write(first);
  at.reload.reload();
  t.match(at.lines[1], /again those that are in use/);
});
