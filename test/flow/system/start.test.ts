/** The quickstart as somebody meets it who has just typed `npm start`. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { Metrics } from '../../../scripts/clients/merchant-api.ts';
import { ROOT } from '../../../scripts/processes/child.ts';
import { freePorts, portsInUse } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';

const shell = promisify(execFile);
const READY_MS = 60_000;

// A small machine takes seconds for each start.
t.setTimeout(300_000);

interface Place {
  readonly folder: string;
  readonly httpPort: number;
  readonly flags: readonly string[];
}

async function place(t: Test): Promise<Place> {
  const folder = path.join(t.testdir(), 'quickstart');
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  for (;;) {
    // Two in a row, which the system gives to nobody else meanwhile: below those that it gives to connections.
    const agentPort = 20_000 + Math.floor(Math.random() * 10_000);
    const both = [agentPort, agentPort + 1].map((port) => ({ port, purpose: 'an agent', flag: '--agent-port' }));
    if ((await portsInUse(both)).length > 0) continue;
    const ports = ['--http-port', httpPort, '--mqtt-port', mqttPort, '--agent-port', agentPort].map(String);
    return { folder, httpPort, flags: [...ports, '--dir', folder, '--rate', '600', '--days', '2'] };
  }
}

/** A run of the quickstart, and what it has printed. */
class Run {
  readonly process: ChildProcess;
  readonly #folder: string;
  /** Of its parts, as far as they were looked at. */
  readonly #pids = new Set<number>();
  output = '';

  /** @param folder of its data, if it comes so far */
  constructor(flags: readonly string[], folder: string) {
    this.#folder = folder;
    this.process = spawn(process.execPath, ['scripts/start/main.ts', ...flags], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout!, this.process.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
  }

  get curls(): string[] {
    return this.output.split('\n').filter((line) => line.startsWith('curl '));
  }

  get key(): string {
    return /API key +(\S+)/.exec(this.output)![1]!;
  }

  async introduced(): Promise<void> {
    const isThere = () => {
      if (this.process.exitCode !== null) throw new Error('the quickstart ended');
      return this.curls.length === 3;
    };
    try {
      await until(isThere, { what: 'the introduction', deadlineMs: READY_MS });
      await this.parts();
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\n${this.output}\n${this.#logs()}`, { cause });
    }
  }

  /** The process ids of its collector and its agents; of those that it had, when it is gone. */
  async parts(): Promise<number[]> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return [...this.#pids];
    // It exits with 1 when there is none.
    const { stdout } = await shell('ps', ['-o', 'pid=', '--ppid', String(this.process.pid)]).catch(() => ({
      stdout: '',
    }));
    for (const pid of stdout.split(/\s+/).filter(Boolean)) this.#pids.add(Number(pid));
    return [...this.#pids];
  }

  /** The last lines of each log. */
  #logs(): string {
    return globSync('**/*.log', { cwd: this.#folder })
      .map((log) => `${log}:\n${readFileSync(path.join(this.#folder, log), 'utf8').split('\n').slice(-20).join('\n')}`)
      .join('\n');
  }

  /** @returns the exit status */
  async ended(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'close');
    return this.process.exitCode;
  }
}

function begin(t: Test, flags: readonly string[]): Run {
  const run = new Run(flags, flags[flags.lastIndexOf('--dir') + 1]!);
  t.teardown(async () => {
    const parts = await run.parts();
    for (const pid of parts.filter(isAlive)) process.kill(pid, 'SIGKILL');
    run.process.kill('SIGKILL');
    await run.ended();
    await gone(parts);
  });
  return run;
}

async function pasted(command: string): Promise<unknown> {
  return JSON.parse((await shell('sh', ['-c', command])).stdout);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** They write into the test's folder until then. @throws when one of them stays */
async function gone(pids: readonly number[]): Promise<true> {
  return until(() => pids.every((pid) => !isAlive(pid)), { what: 'its processes to end', deadlineMs: READY_MS });
}

const sumOf = (metrics: Metrics, metric: string): number =>
  metrics.series.flatMap(({ points }) => points).reduce((sum, point) => sum + Number(point[metric]), 0);

t.test('the printed commands answer with figures, Ctrl-C stops it, and a second start continues', async (t) => {
  const { flags } = await place(t);
  const first = begin(t, flags);
  await first.introduced();
  const [hours, top, methods] = (await Promise.all(first.curls.map(pasted))) as [
    Metrics,
    { series: { items: unknown[] }[] },
    Metrics,
  ];
  t.ok(hours.series[0]!.points.length >= 23, 'today by the hour');
  t.equal(top.series[0]!.items.length, 5, 'the top five articles');
  t.strictSame(methods.series.map(({ key }) => key.method).sort(), ['card', 'cash', 'mobile', 'voucher']);
  const before = sumOf(methods, 'sales.count');
  t.ok(before > 100, `${before} sales of history`);

  first.process.kill('SIGINT');
  t.equal(await first.ended(), 0, 'Ctrl-C ends it well');
  t.match(first.output, /stopped; the next npm start continues/);

  const second = begin(t, [...flags, '--for', '3']);
  await second.introduced();
  const after = sumOf((await pasted(second.curls[2]!)) as Metrics, 'sales.count');
  t.equal(second.key, first.key, 'with the same key');
  t.ok(after >= before, `${after} sales: what was there is there`);
  t.notMatch(second.output, /handed to the agents/, 'no second history');
  t.equal(await second.ended(), 0, '--for ends it by itself');
});

t.test('a port in use is named, with the flag that chooses another', async (t) => {
  const { flags, httpPort } = await place(t);
  const holder = createServer().listen(httpPort, '127.0.0.1');
  await once(holder, 'listening');
  t.teardown(() => holder.close());
  const run = begin(t, flags);
  t.equal(await run.ended(), 1);
  t.match(run.output, new RegExp(`port ${httpPort} on 127.0.0.1 .* is in use: choose another with --http-port PORT`));
});

t.test('two in one folder: the second one says so and leaves the first alone', async (t) => {
  const { flags, folder } = await place(t);
  const first = begin(t, flags);
  await first.introduced();
  const second = begin(t, ['--dir', folder]);
  t.equal(await second.ended(), 1);
  t.match(second.output, `another npm start works in ${folder}`);
  first.process.kill('SIGTERM');
  t.equal(await first.ended(), 0);
});

t.test('when it is killed, none of its processes stays', async (t) => {
  const { flags } = await place(t);
  const run = begin(t, flags);
  await run.introduced();
  const parts = await run.parts();
  t.equal(parts.length, 3, 'a collector and two agents');
  run.process.kill('SIGKILL');
  await run.ended();
  t.ok(await gone(parts));
});

t.test('a second Ctrl-C does not wait for a part that hangs', async (t) => {
  const { flags } = await place(t);
  const run = begin(t, flags);
  await run.introduced();
  const parts = await run.parts();
  for (const pid of parts) process.kill(pid, 'SIGSTOP');
  const pressed = () => {
    run.process.kill('SIGINT');
    return run.process.exitCode !== null;
  };
  await until(pressed, { what: 'the quickstart to end', deadlineMs: 5_000 });
  t.equal(await run.ended(), 130);
  t.equal(parts.length, 3, 'a collector and two agents');
  t.ok(await gone(parts));
});

t.test('a wrong option is a usage error', async (t) => {
  const run = begin(t, ['--http-port', 'eighty']);
  t.equal(await run.ended(), 2);
  t.match(run.output, '--http-port must be a port');
});
