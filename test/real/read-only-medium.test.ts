/** What a dead agent left on a medium that nothing can be written to: the index of its log is lost. Needs root, for the mount. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { runAgent, startAgentProcess, writeConfig } from '../support/agent/agent-process.ts';
import { testDir } from '../support/system/test-dir.ts';

const copies = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tillstream-copy-'));

function run(command: string, ...words: string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`);
}

t.test(
  'support looks at it, and leaves nothing behind',
  { skip: process.getuid?.() !== 0 && 'only root can mount' },
  async (t) => {
    const dir = testDir(t);
    const agent = await startAgentProcess(t, writeConfig(dir));
    const body = JSON.stringify([{ type: 'sale', ref: 'R-1' }, { type: 'sale' }]);
    t.equal((await fetch(`${agent.url}/v1/events`, { method: 'POST', body })).status, 201);
    agent.child.kill('SIGKILL');
    await agent.ended;

    const medium = join(mkdtempSync(join(tmpdir(), 'tillstream-medium-')), 'medium');
    mkdirSync(medium);
    run('mount', '-t', 'tmpfs', 'tmpfs', medium);
    t.teardown(() => run('umount', medium));
    for (const suffix of ['', '-wal'])
      copyFileSync(join(dir, `buffer.db${suffix}`), join(medium, `buffer.db${suffix}`));
    run('mount', '-o', 'remount,ro', medium);

    const before = copies();
    const buffer = join(medium, 'buffer.db');
    const status = await runAgent('status', '--buffer', buffer, '--json');
    t.match(status, { status: 0, stderr: /nothing can be written: reading a copy/ });
    t.match(JSON.parse(status.stdout), { pending: 2 });
    t.match(await runAgent('peek', '--buffer', buffer), { status: 0, stdout: /R-1/ });
    t.match(await runAgent('verify', '--buffer', buffer), { status: 0, stdout: /Sound/ });
    t.match(await runAgent('export', '--buffer', buffer), { status: 0, stderr: /2 events exported/ });
    t.same(copies(), before);
  },
);
