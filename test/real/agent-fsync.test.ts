/** The agent's answer leaves after the system was asked to put the sale on the disk: seen by strace, not by what the agent says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { writeConfig } from '../support/agent/agent-process.ts';
import { killedAtEnd } from '../support/system/killed-at-end.ts';

const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
const SALES = 30;

async function traced(
  t: Test,
  trace: string,
  config: string,
): Promise<{ child: ChildProcess; url: string; pid: number }> {
  const calls = 'trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg';
  const strace = ['-f', '-y', '-s', '64', '-e', calls, '-o', trace];
  const child = spawn('strace', [...strace, process.execPath, 'agent/main.ts', 'run', '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killedAtEnd(t, child);
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const { port, pid } = JSON.parse(line) as { port: number; pid: number };
  return { child, url: `http://127.0.0.1:${port}`, pid };
}

t.test(
  'an fsync of the log precedes each answer',
  { skip: canTrace ? false : 'strace is missing or not allowed' },
  async (t) => {
    const folder = t.testdir();
    const trace = path.join(folder, 'trace');
    const { child, url, pid } = await traced(t, trace, writeConfig(folder));
    for (let sale = 0; sale < SALES; sale++) {
      const body = JSON.stringify({ type: 'sale', ref: `R-${sale}` });
      t.equal((await fetch(`${url}/v1/events`, { method: 'POST', body })).status, 201);
    }
    process.kill(pid, 'SIGTERM');
    await once(child, 'exit');

    // SQLite and the HTTP server run on the main thread, so its lines are in the order in which the calls were made and ended.
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${pid} `));
    const log = /f(?:data)?sync\(\d+<[^>]*buffer\.db-wal>\) = 0/;
    const write = /pwrite64\(\d+<[^>]*buffer\.db-wal>/;
    const answer = /(?:write|writev|sendto|sendmsg)\(.*HTTP\/1\.1 201/;
    let written = false;
    let synced = false;
    let answers = 0;
    for (const call of calls) {
      if (write.test(call)) [written, synced] = [true, false];
      else if (log.test(call)) synced = written;
      else if (answer.test(call)) {
        answers++;
        t.ok(written && synced, `answer ${answers} came after the sale was written and synced`);
        [written, synced] = [false, false];
      }
    }
    t.equal(answers, SALES);
  },
);
