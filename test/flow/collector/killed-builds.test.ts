/** Runs and builds as processes that are killed at random: the figures that merchants are answered stay whole. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { storesOn } from '../../../collector/app/context.ts';
import { loadConfig } from '../../../collector/config/load-config.ts';
import { openTables } from '../../../collector/main.ts';
import { Control } from '../../../collector/store/control.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type MerchantId, merchantId, terminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf, minuteOf } from '../../../shared/time.ts';
import { eventsRow } from '../../support/collector/raw-rows.ts';
import { tillEvent } from '../../support/collector/till-events.ts';
import { killedAtEnd } from '../../support/system/killed-at-end.ts';
import { testDir } from '../../support/system/test-dir.ts';

// Some twenty processes, on a machine that may be busy.
t.setTimeout(240_000);

const MAIN = new URL('../../../collector/main.ts', import.meta.url).pathname;
/** 2026-11-10T00:00Z. */
const FIRST = Date.UTC(2026, 10, 10) / HOUR_MS;
const HOURS = 72;
const EVENTS = 12;
const KILLS = 3;
const SHOPS = ['acme', 'globex'].map(merchantId);
const TILL = terminalId('till-1');

/** A number from 0 up to a bound; which ones is printed, and matters little: so does the machine's pace. */
function randoms(t: Test): (below: number) => number {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.comment(`seed ${seed}`);
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 2 ** 31) * below);
  };
}

const eventsOf = (shop: number, hour: number): TillEvent[] =>
  Array.from({ length: EVENTS }, (_, at) =>
    tillEvent({
      type: at === 0 ? 'refund' : 'sale',
      amount: 100 + shop + hour + at,
      ts: (FIRST + hour) * HOUR_MS + at,
    }),
  );

/** Sales and refunds, in number and amount, of all that a shop's tills sent. */
function sent(shop: number): readonly number[] {
  const events = Array.from({ length: HOURS }, (_, hour) => eventsOf(shop, hour)).flat();
  return ['sale', 'refund'].flatMap((type) => {
    const of = events.filter((event) => event.type === type);
    return [of.length, of.reduce((sum, { amount }) => sum + amount!, 0)];
  });
}

async function fill(tables: Tables): Promise<void> {
  const log = new EventLog(tables, await new Control(tables).digestKey(new Uint8Array(16)));
  const { marks } = storesOn(tables);
  const minute = minuteOf(Date.now()) - 1;
  for (const [shop, merchant] of SHOPS.entries())
    for (let hour = 0; hour < HOURS; hour++) {
      const [events, place] = [eventsOf(shop, hour), { merchant, terminal: TILL }];
      const { header, bytes } = eventsRow(1 + hour * EVENTS, events, place);
      await log.append([{ ...place, header, bytes }]);
      const time = hourOf(events[0]!.ts);
      await marks.add([{ minute, merchant, level: 'hour', time, terminals: [TILL] }]);
    }
}

const cli = (...args: string[]): Promise<{ code: number; stdout: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout });
    });
  });

async function rowsOf(tables: Tables, version: number): Promise<number> {
  const { rollups } = storesOn(tables);
  let rows = 0;
  for (const merchant of SHOPS)
    for await (const _ of rollups.scan(merchant, 'hour', version, FIRST, FIRST + HOURS, { kind: 'meta' })) rows++;
  return rows;
}

/** Starts the command and kills it once it has published some rows. @returns whether it was killed */
async function killed(t: Test, tables: Tables, version: number, more: number, args: readonly string[]) {
  const wanted = (await rowsOf(tables, version)) + more;
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
  killedAtEnd(t, child);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const within = { what: `rows of version ${version}`, deadlineMs: 60_000, everyMs: 1 };
  await until(async () => isOver() || (await rowsOf(tables, version)) >= wanted, within);
  child.kill('SIGKILL');
  if (!isOver()) await once(child, 'exit');
  return child.signalCode === 'SIGKILL';
}

/** What merchants are answered: the logic version, and sales and refunds in number and amount. */
async function answers(t: Test, config: string, keys: readonly string[]): Promise<unknown[]> {
  const child = spawn(process.execPath, [MAIN, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  killedAtEnd(t, child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const metrics = ['sales.count', 'sales.amount', 'refunds.count', 'refunds.amount'];
  const found = await Promise.all(
    SHOPS.map(async (merchant, shop) => {
      const query = `metrics=${metrics.join(',')}&interval=total&from=2026-11-09&to=2026-11-20`;
      const url = `http://127.0.0.1:${JSON.parse(line).http.port}/v1/merchants/${merchant}/metrics?${query}`;
      const headers = { authorization: `Bearer ${keys[shop]!}` };
      let answer = await fetch(url, { headers });
      // It answers before its store is open.
      const isAnswered = async (): Promise<boolean> => {
        if (answer.status !== 503) return true;
        await answer.text();
        answer = await fetch(url, { headers });
        return false;
      };
      await until(isAnswered, { what: 'an answer', deadlineMs: 30_000, everyMs: 50 });
      const { meta, series } = (await answer.json()) as {
        meta: { logicVersion: number };
        series: { points: Record<string, unknown>[] }[];
      };
      return [meta.logicVersion, ...metrics.map((name) => series[0]!.points[0]![name])];
    }),
  );
  child.kill('SIGTERM');
  await once(child, 'exit');
  return found;
}

t.test('runs and builds that are killed at random lose no event, and count none twice', async (t) => {
  const folder = testDir(t);
  const config = join(folder, 'collector.yaml');
  const free = { host: '127.0.0.1', port: 0 };
  const store = { kind: 'sqlite', path: join(folder, 'store.db') };
  writeFileSync(config, JSON.stringify({ store, mqtt: free, http: free }));
  const given = ['--config', config];
  await cli('init', ...given);
  const keys: string[] = [];
  for (const merchant of SHOPS as MerchantId[])
    keys.push(JSON.parse((await cli('keys', 'add', '--json', '--merchant', merchant, ...given)).stdout).key);
  const tables = await openTables(loadConfig(config).store);
  try {
    await fill(tables);
    t.equal((await cli('logic', 'add', '--dimensions', 'method', ...given)).code, 0);
    const random = randoms(t);
    let kills = 0;
    for (let round = 0; round < KILLS; round++) {
      // Both at once: runs keep the rows of the version that is built.
      const struck = await Promise.all([
        killed(t, tables, 1, 1 + random(20), ['rollup', ...given]),
        killed(t, tables, 2, 1 + random(40), ['reprocess', '--logic', '2', ...given]),
      ]);
      kills += struck.filter(Boolean).length;
    }
    t.ok(kills >= 2, `killed ${kills} times in the midst of work`);
  } finally {
    await tables.close();
  }
  t.equal((await cli('rollup', ...given)).code, 0, 'the run ends');
  t.equal((await cli('reprocess', '--logic', '2', ...given)).code, 0, 'the build ends');
  const expected = (version: number) => SHOPS.map((_, shop) => [version, ...sent(shop)]);
  t.same(await answers(t, config, keys), expected(1), 'by the version that runs kept');
  t.equal((await cli('audit', '--rollups', '--cells', ...given)).code, 0, 'no row differs from the raw log');
  t.equal((await cli('logic', 'diff', '--logic', '2', ...given)).code, 0, 'both versions say the same');
  t.equal((await cli('logic', 'activate', '--logic', '2', ...given)).code, 0);
  t.same(await answers(t, config, keys), expected(2), 'by the version that was built');
});
