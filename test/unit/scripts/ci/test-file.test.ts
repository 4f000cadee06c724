import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runTap } from '../../../../scripts/ci/run-tap.ts';
import { type FileRun, runTestFile } from '../../../../scripts/ci/test-file.ts';

async function run(t: Test, lines: readonly string[], limits = {}): Promise<FileRun> {
  const file = join(t.testdir(), 'a.test.ts');
  writeFileSync(file, ["import t from 'tap';", ...lines].join('\n'));
  return runTestFile(file, { timeoutSeconds: 30, args: ['--data', 'x'], ...limits });
}

t.test('a file that is well: its assertions are counted', async (t) => {
  const { counts } = await run(t, ["t.test('one', async (t) => t.ok(process.argv.includes('x')));", 't.pass();']);
  t.match(counts, { passed: 2, failed: 0, skipped: 0 });
});

t.test('a failed assertion is told with the way to it, and what the file printed is kept', async (t) => {
  const { file, counts, printed } = await run(t, [
    "console.log('hello');",
    "t.test('one', async (t) => t.equal(1, 2));",
  ]);
  t.match(counts, { passed: 0, failed: 1, failures: [{ at: [file, 'one', 'should be equal'] }] });
  t.same(printed, ['hello']);
});

t.test('a file whose assertions pass fails by its exit code, or the signal that ended it', async (t) => {
  const exit = await run(t, ['t.pass();', "process.on('exit', () => process.exit(3));"]);
  t.match(exit.counts, { failed: 1, failures: [{ diagnostics: { exitCode: 3 } }] });
  const killed = await run(t, ["t.pass(); process.kill(process.pid, 'SIGKILL');"]);
  t.match(killed.counts, { failed: 1, failures: [{ diagnostics: { signal: 'SIGKILL' } }] });
});

t.test('a file that asserts nothing fails', async (t) => {
  t.match((await run(t, [])).counts, { failed: 1, failures: [{ diagnostics: { message: 'nothing was asserted' } }] });
});

t.test('a file that asserts less than it planned fails', async (t) => {
  t.match((await run(t, ['t.plan(2);', 't.pass();'])).counts, { passed: 1, failed: 1 });
});

t.test('a test that hangs is named; a file that blocks is ended', async (t) => {
  const hangs = "t.test('hangs', () => new Promise(() => setInterval(() => {}, 100)));";
  t.match((await run(t, [hangs], { timeoutSeconds: 1 })).counts, { failed: 1, failures: [{ at: { 1: 'hangs' } }] });
  const blocked = await run(t, ['t.pass(); for (;;);'], { timeoutSeconds: 1, graceMs: 100 });
  t.match(blocked.counts, { failed: 1, failures: [{ diagnostics: { message: 'it took longer than 1 s' } }] });
});

t.test('a file that leaves a process behind with its output fails', async (t) => {
  const sleeper = "spawn('sleep', ['5'], { stdio: 'inherit' }).unref();";
  const { counts } = await run(t, ["import { spawn } from 'node:child_process';", `t.pass(); ${sleeper}`], {
    graceMs: 100,
  });
  t.match(counts, { failed: 1, failures: [{ diagnostics: { message: /left a process behind/ } }] });
});

t.test('in CI a skip is a failure, elsewhere it is told', async (t) => {
  const file = join(t.testdir(), 'a.test.ts');
  writeFileSync(file, "import t from 'tap';\nt.test('one', { skip: 'no moon' }, async () => {});\nt.pass();\n");
  const { CI } = process.env;
  t.teardown(() => {
    if (CI === undefined) delete process.env.CI;
    else process.env.CI = CI;
  });
  const lines: string[] = [];
  delete process.env.CI;
  t.match(await runTap([file], {}, (line) => lines.push(line)), { passed: 1, failed: 0, skipped: 1 });
  t.match(lines.at(-1), /^skipped: .* > one: no moon$/);
  process.env.CI = 'true';
  t.match(await runTap([file], {}, () => {}), { passed: 1, failed: 1, skipped: 0 });
});

t.test('files that must be alone run one after another, beside the others', async (t) => {
  const dir = t.testdir();
  const log = join(dir, 'log');
  const file = (name: string, ms: number): string => {
    const path = join(dir, `${name}.test.ts`);
    writeFileSync(
      path,
      `import t from 'tap'; import { appendFileSync } from 'node:fs'; const say = (what) => appendFileSync('${log}', what + ' ${name}\\n');
say('begins'); await new Promise((done) => setTimeout(done, ${ms})); say('ends'); t.pass();`,
    );
    return path;
  };
  const files = [file('alone-1', 100), file('alone-2', 100), file('other', 3000)];
  const isAlone = (path: string): boolean => /alone-\d/.test(path);
  t.match(await runTap(files, { jobs: 2, isAlone }, () => {}), { passed: 3, failed: 0 });
  const order = readFileSync(log, 'utf8').trimEnd().split('\n');
  t.same(
    order.filter((line) => isAlone(line)),
    ['begins alone-1', 'ends alone-1', 'begins alone-2', 'ends alone-2'],
  );
  t.ok(order.indexOf('begins other') < order.indexOf('ends alone-2'), 'the other one ran beside them');
  t.equal(order.length, 6);
});

t.test('no file at all is a failure', async (t) => {
  t.match(await runTap([], {}, () => {}), { failed: 1 });
});
