/** `logic` and `reprocess` as processes: the worked example of the documentation, and builds that are killed. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { storesOn } from '../../../collector/app/context.ts';
import { loadConfig } from '../../../collector/config/load-config.ts';
import { openTables } from '../../../collector/main.ts';
import { Control } from '../../../collector/store/control.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import { ROOT } from '../../../scripts/processes/child.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type MerchantId, merchantId, terminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf, minuteOf } from '../../../shared/time.ts';
import { eventsRow } from '../../support/collector/raw-rows.ts';
import { tillEvent } from '../../support/collector/till-events.ts';
import { differences } from '../../support/docs/differences.ts';
import { split } from '../../support/docs/page.ts';
import { Shell } from '../../support/docs/shell.ts';
import { killedAtEnd } from '../../support/system/killed-at-end.ts';
import { testDir } from '../../support/system/test-dir.ts';

// Twenty processes, on a machine that may be busy.
t.setTimeout(240_000);

const MAIN = new URL('../../../collector/main.ts', import.meta.url).pathname;
const PAGE = 'docs/reprocessing.md';
/** 2026-11-20T10:00Z. */
const HOUR = Date.UTC(2026, 10, 20, 10) / HOUR_MS;
const TILL = terminalId('till-1');

function configFile(folder: string): string {
  const file = join(folder, 'collector.yaml');
  const free = { host: '127.0.0.1', port: 0 };
  writeFileSync(
    file,
    JSON.stringify({ store: { kind: 'sqlite', path: join(folder, 'store.db') }, mqtt: free, http: free }),
  );
  return file;
}

/** Puts raw rows, and their due marks, into a store that is initialized. */
async function store(config: string, rows: readonly (readonly [MerchantId, number, readonly TillEvent[]])[]) {
  const tables = await openTables(loadConfig(config).store);
  try {
    const log = new EventLog(tables, await new Control(tables).digestKey(new Uint8Array(16)));
    const { marks } = storesOn(tables);
    const minute = minuteOf(Date.now()) - 1;
    await log.append(
      rows.map(([merchant, firstSeq, events]) => {
        const { header, bytes } = eventsRow(firstSeq, events, { merchant, terminal: TILL });
        return { merchant, terminal: TILL, header, bytes, arrival: Date.now() };
      }),
    );
    await marks.add(
      rows.map(([merchant, , [first]]) => ({
        ...{ minute, merchant, level: 'hour' as const, time: hourOf(first!.ts), terminals: [TILL] },
      })),
    );
  } finally {
    await tables.close();
  }
}

/** Fifteen events of an hour, the last of them of the given type. */
const hourWith = (hour: number, amount: number, last: string): TillEvent[] =>
  Array.from({ length: 15 }, (_, at) => {
    const isLast = at === 14;
    const ts = hour * HOUR_MS + at;
    return tillEvent({ type: isLast ? last : 'sale', amount: isLast ? 1_000 : amount, ts });
  });

/** The blocks of the page by their language, in order. */
const blocksOf = (...languages: readonly string[]) =>
  split(readFileSync(join(ROOT, PAGE), 'utf8').split('\n')).blocks.filter(({ language }) =>
    languages.includes(language),
  );

interface Diff {
  readonly before: string;
  readonly after: string;
}
const linesOf = (diff: string, kinds: string): string =>
  diff
    .split('\n')
    .filter((line) => kinds.includes(line[0]!))
    .map((line) => `${line.slice(1)}\n`)
    .join('');

/** A copy of the product whose first rules have the bug of the page, before its correction. */
function releaseWithBug(folder: string): Diff & { readonly file: string } {
  for (const name of ['collector', 'shared']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name));
  const file = join(folder, 'collector/aggregation/logic/logic-rules.ts');
  const diff = blocksOf('diff')[0]!.text;
  const [before, after] = [linesOf(diff, ' -'), linesOf(diff, ' +')];
  const real = readFileSync(file, 'utf8');
  const begin = real.indexOf(before.split('\n')[0]!);
  if (begin < 0) throw new Error(`${PAGE} shows other lines than ${file} has`);
  const head = real.slice(0, begin);
  writeFileSync(file, head + before);
  return { file, before: head + before, after: head + after };
}

/** A collector of the release in a folder, and a question of the sums of a merchant. */
async function serving(t: Test, folder: string, config: string) {
  const child = spawn(process.execPath, ['collector/main.ts', 'run', '--json', '--config', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  killedAtEnd(t, child);
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  const url = `http://127.0.0.1:${JSON.parse(line).http.port}`;
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
    ask: async (merchant: string, key: string): Promise<unknown[] | null> => {
      const query = 'metrics=sales.count,refunds.count&interval=total&from=2026-11-20&to=2026-11-21';
      const headers = { authorization: `Bearer ${key}` };
      const answer = await fetch(`${url}/v1/merchants/${merchant}/metrics?${query}`, { headers });
      if (answer.status !== 200) return null;
      const { meta, series } = (await answer.json()) as {
        meta: { logicVersion: number };
        series: { points: Record<string, number>[] }[];
      };
      return [meta.logicVersion, series[0]!.points[0]!['sales.count'], series[0]!.points[0]!['refunds.count']];
    },
  };
}

t.test('the example of the documentation: a bug, its correction, a trial, the switch and back', async (t) => {
  const folder = testDir(t);
  const { file, after } = releaseWithBug(folder);
  const config = configFile(folder);
  await using shell = new Shell(folder, { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') });
  const main = async (command: string) => {
    const { status, stdout, stderr } = await shell.run(
      `"${process.execPath}" collector/main.ts ${command} --config collector.yaml`,
    );
    if (status !== 0) throw new Error(`${command}: ${status} ${stderr}`);
    return stdout;
  };
  await main('init');
  const keys: Record<string, string> = {};
  const shops = ['acme', 'globex', 'initech'];
  for (const merchant of shops) keys[merchant] = JSON.parse(await main(`keys add --json --merchant ${merchant}`)).key;
  await store(
    config,
    shops.flatMap((name, at) => {
      const last = name === 'initech' ? 'sale' : 'refund';
      return [HOUR, HOUR + 1].map(
        (hour, of) => [merchantId(name), 1 + 15 * of, hourWith(hour, [1_000, 4_000, 1_000][at]!, last)] as const,
      );
    }),
  );
  await main('rollup');
  writeFileSync(file, after);
  const collector = await serving(t, folder, config);
  const shown = async (merchant: string, expected: readonly unknown[], why: string): Promise<void> => {
    const within = { what: why, deadlineMs: 5_000, everyMs: 50 };
    let asked: unknown = null;
    const isShown = async (): Promise<boolean> => {
      asked = await collector.ask(merchant, keys[merchant]!);
      return JSON.stringify(asked) === JSON.stringify(expected);
    };
    await until(isShown, within).catch(() => undefined);
    t.same(asked, expected, why);
  };
  await shown('acme', [1, 30, 0], 'refunds are counted as sales');
  const afterwards: Readonly<Record<string, readonly [string, readonly unknown[]][]>> = {
    'logic activate --logic 2 --merchant acme': [
      ['acme', [2, 28, 2]],
      ['globex', [1, 30, 0]],
    ],
    'logic activate --logic 2 --config': [['globex', [2, 28, 2]]],
    'logic rollback': [
      ['globex', [1, 30, 0]],
      ['acme', [2, 28, 2]],
    ],
  };
  const blocks = blocksOf('sh', 'text', 'json');
  t.ok(blocks.length >= 14);
  await shell.run(`KEY=${keys.acme} API=${collector.url}/v1/merchants/acme`);
  for (let at = 0; at < blocks.length; at += 2) {
    const [{ text: command, line }, { text, language }] = [blocks[at]!, blocks[at + 1]!];
    const { stdout } = await shell.run(command.replaceAll(/^node /gm, `"${process.execPath}" `));
    const mode = /--plan|reprocess/.test(command) ? 'shape' : 'output';
    t.same(differences({ mode, isJson: language === 'json', text }, stdout), [], `${PAGE}:${line}`);
    for (const [begin, expected] of Object.entries(afterwards))
      if (command.includes(begin))
        for (const [merchant, sums] of expected) await shown(merchant, sums, `${merchant} after ${begin}`);
  }
  await collector.stop();
});

/** Of both levels, what the rows of a version say, without when they were made. */
async function rowsOf(config: string, merchant: MerchantId): Promise<unknown[]> {
  const tables = await openTables(loadConfig(config).store);
  try {
    const { rollups } = storesOn(tables);
    const rows: unknown[] = [];
    for (const level of ['hour', 'day'] as const)
      for await (const { time } of rollups.scan(merchant, level, 2, 0, 2 ** 31, { kind: 'meta' })) {
        const { meta, parts } = (await rollups.read({ merchant, level, logic: 2, time }))!;
        const { readAt: _, publishedAt: __, allReadAt: ___, since: ____, ...tally } = meta;
        const cells = [...parts].map(([terminal, bytes]) => [terminal, Buffer.from(bytes).toString('hex')]);
        rows.push([level, time, tally, cells]);
      }
    return rows;
  } finally {
    await tables.close();
  }
}

const cli = (...args: string[]): Promise<{ code: number; stdout: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout });
    });
  });

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
};

t.test('a build that is killed again and again comes to the same as one that was not', async (t) => {
  const folder = testDir(t);
  const merchant = merchantId('acme');
  const [killed, fresh] = ['killed', 'fresh'].map((name) => {
    mkdirSync(join(folder, name));
    return configFile(join(folder, name));
  }) as [string, string];
  await cli('init', '--config', killed);
  const hours = Array.from({ length: 240 }, (_, at) => HOUR - 480 + at);
  await store(
    killed,
    hours.map((hour, at) => [merchant, 1 + at * 15, hourWith(hour, 1_000 + at, 'refund')] as const),
  );
  t.equal((await cli('logic', 'add', '--dimensions', 'method', '--config', killed)).code, 0);
  cpSync(join(folder, 'killed/store.db'), join(folder, 'fresh/store.db'));
  let kills = 0;
  for (; kills < 3; kills++) {
    const had = (await rowsOf(killed, merchant)).length;
    const child = spawn(process.execPath, [MAIN, 'reprocess', '--logic', '2', '--config', killed], { stdio: 'ignore' });
    killedAtEnd(t, child);
    await until(async () => child.exitCode !== null || (await rowsOf(killed, merchant)).length > had, {
      ...{ what: 'some rows of the build', deadlineMs: 60_000, everyMs: 1 },
    });
    child.kill('SIGKILL');
    await ended(child);
    if (child.signalCode !== 'SIGKILL') break;
  }
  t.ok(kills > 0, `killed ${kills} times`);
  const resumed = await cli('reprocess', '--logic', '2', '--json', '--config', killed);
  const whole = await cli('reprocess', '--logic', '2', '--json', '--config', fresh);
  t.match(JSON.parse(whole.stdout), { hours: 240, recomputed: 240, leftOut: 0, resumed: false });
  const { recomputed, leftOut } = JSON.parse(resumed.stdout);
  t.equal(leftOut, 0);
  t.ok(recomputed < 240, `${recomputed} hours were left to do`);
  t.same(await rowsOf(killed, merchant), await rowsOf(fresh, merchant));
});
