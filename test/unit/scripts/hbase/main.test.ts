import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const SCRIPT = join(import.meta.dirname, '..', '..', '..', '..', 'scripts', 'hbase', 'main.ts');

const empty = mkdtempSync(join(tmpdir(), 'tillstream-hbase-'));
t.teardown(() => rmSync(empty, { recursive: true }));

/** Runs `npm run hbase` where no other program can be found. */
function hbase(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
    env: { PATH: empty },
  });
  return { status, stdout, stderr };
}

t.test('--help shows the commands with examples', async (t) => {
  const { status, stdout } = hbase('--help');
  t.equal(status, 0);
  t.match(stdout, /npm run hbase -- start\n/);
  t.match(stdout, /npm run hbase -- stop\n/);
});

t.test('a wrong command line is told, with exit status 2', async (t) => {
  t.match(hbase(), { status: 2, stdout: '', stderr: /a command is missing/ });
  t.match(hbase('restart'), { status: 2, stdout: '', stderr: /unknown command restart/ });
  t.match(hbase('start', '--port', '1'), { status: 2, stdout: '', stderr: /--port/ });
  t.match(hbase('stop', 'now'), { status: 2, stdout: '', stderr: /unexpected now/ });
});

t.test('without Java, one line says what is missing and how to get it', async (t) => {
  const { status, stdout, stderr } = hbase('start', '--json', '--dir', empty);
  t.same([status, stdout], [1, '']);
  t.match(stderr, /^Java is missing.*apt-get install openjdk-17-jre-headless.*\n$/);
});

t.test('status and stop of what never ran say so', async (t) => {
  const status = hbase('status', '--json', '--dir', empty);
  t.same([status.status, JSON.parse(status.stdout)], [1, { running: false, dir: empty }]);
  const stop = hbase('stop', '--json', '--dir', empty);
  t.same([stop.status, JSON.parse(stop.stdout)], [0, { stopped: false, dir: empty }]);
});
