import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import t from 'tap';
import { Child } from '../../../../scripts/processes/child.ts';
import { until } from '../../../../scripts/processes/wait-until.ts';

const LIVES = 'setInterval(() => {}, 1000);';

function child(t: { testdir(files: Record<string, string>): string }, source: string): Child {
  const folder = t.testdir({ 'program.ts': source });
  return new Child({ name: 'program', command: [path.join(folder, 'program.ts')], log: path.join(folder, 'log') });
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

t.test('a child that is asked to stop ends cleanly, and what it wrote is in its log', async (t) => {
  const running = child(
    t,
    `console.log('up'); process.on('SIGTERM', () => { console.log('down'); process.exit(0); }); ${LIVES}`,
  );
  await running.ready(async () => readFileSync(running.log, 'utf8').includes('up'), 10_000);
  t.strictSame(await running.stop(10_000), { code: 0, signal: null });
  t.equal(readFileSync(running.log, 'utf8'), 'up\ndown\n');
  t.notOk(running.running);
});

t.test('one that does not listen is killed', async (t) => {
  const running = child(t, `process.on('SIGTERM', () => {}); console.log('up'); ${LIVES}`);
  await running.ready(async () => readFileSync(running.log, 'utf8').includes('up'), 10_000);
  t.match(await running.stop(100), { signal: 'SIGKILL' });
});

t.test('one that ends before it is ready is told with the end of its log', async (t) => {
  const failing = child(t, `console.error('no such table'); process.exit(3);`);
  await t.rejects(
    failing.ready(async () => false, 10_000),
    { message: /program did not start: it ended\nno such table/ },
  );
});

t.test('a child ends when its parent is killed', async (t) => {
  const folder = t.testdir({ 'child.ts': LIVES });
  const module = new URL('../../../../scripts/processes/child.ts', import.meta.url).href;
  const pidFile = path.join(folder, 'pid');
  writeFileSync(
    path.join(folder, 'parent.ts'),
    `import { writeFileSync } from 'node:fs';
     import { Child } from ${JSON.stringify(module)};
     const child = new Child({ name: 'c', command: [${JSON.stringify(path.join(folder, 'child.ts'))}], log: ${JSON.stringify(path.join(folder, 'log'))} });
     writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
     ${LIVES}`,
  );
  const parent = spawn(process.execPath, [path.join(folder, 'parent.ts')], { stdio: 'inherit' });
  const pid = await until(
    () => {
      try {
        return Number(readFileSync(pidFile, 'utf8'));
      } catch {
        return null;
      }
    },
    { what: 'the child', deadlineMs: 10_000 },
  );
  t.ok(alive(pid));
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  await until(() => !alive(pid), { what: 'the child to end', deadlineMs: 10_000 });
  t.notOk(alive(pid));
});
