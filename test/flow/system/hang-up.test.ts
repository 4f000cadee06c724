/** SIGHUP, which reads certificates again, ends neither program, however early it comes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { ROOT } from '../../../scripts/processes/child.ts';
import { killedAtEnd } from '../../support/system/killed-at-end.ts';

/** Sends it when one of the first modules is loaded, and when one of the last is. */
const PRELOAD = `
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      if (/\\/(parse-config|start)\\.ts$/.test(url)) process.kill(process.pid, 'SIGHUP');
      return next(url, context);
    },
  });
`;
const HANGING_UP = ['--import', `data:text/javascript,${encodeURIComponent(PRELOAD)}`];

const exited = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(`ended: ${signal ?? code}`)));

/** @returns how the process has come to listen, or ended */
async function started(t: Test, command: readonly string[]): Promise<{ child: ChildProcess; came: string }> {
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
  killedAtEnd(t, child);
  const came = await new Promise<string>((resolve) => {
    createInterface({ input: child.stdout! }).once('line', () => resolve('listening'));
    void exited(child).then(resolve);
  });
  return { child, came };
}

function programs(folder: string): Readonly<Record<string, readonly string[]>> {
  const agent = {
    ...{ merchant: 'acme', terminal: 'till-1', ingest: { port: 0 } },
    collector: { urls: ['mqtt://127.0.0.1:1'], token: 'secret' },
    buffer: { path: join(folder, 'buffer.db') },
  };
  const local = { host: '127.0.0.1', port: 0 };
  const collector = { store: { kind: 'sqlite', path: join(folder, 'store.db') }, mqtt: local, http: local };
  return Object.fromEntries(
    Object.entries({ agent, collector }).map(([name, config]) => {
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, JSON.stringify(config));
      return [name, ['run', '--json', '--config', file]];
    }),
  );
}

t.test('a signal that comes while the program is loaded does not end it', async (t) => {
  for (const [name, args] of Object.entries(programs(t.testdir()))) {
    const { child, came } = await started(t, [...HANGING_UP, `${name}/main.ts`, ...args]);
    t.equal(came, 'listening', name);
    const ended = exited(child);
    child.kill('SIGKILL');
    await ended;
  }
});

t.test('one to the command of the npm package reaches the program, and ends neither', async (t) => {
  for (const [name, args] of Object.entries(programs(t.testdir()))) {
    const { child, came } = await started(t, [`scripts/bin/${name}.mjs`, ...args]);
    t.equal(came, 'listening', name);
    child.kill('SIGHUP');
    const ended = exited(child);
    // The order of two signals is kept.
    child.kill('SIGTERM');
    t.equal(await ended, 'ended: 0', name);
  }
});
