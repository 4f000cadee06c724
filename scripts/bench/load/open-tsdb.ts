/**
 * OpenTSDB on the HBase of `npm run hbase`: a point a sale, one metric, tags for merchant, till and
 * type. It answers a month by day from its raw points.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { Gateway } from '../../../collector/store/hbase/thrift/gateway.ts';
import { BLOOM, createTable, DURABILITY, tableExists } from '../../../collector/store/hbase/thrift/idl.ts';
import { DAY_MS, HOUR_MS, hourOf } from '../../../shared/time.ts';
import { HBASE_HOME, HBASE_JARS } from '../../hbase/home.ts';
import { provideOpenTsdb } from '../../hbase/jars.ts';
import { readState } from '../../hbase/state.ts';
import type { Answerer, TradingMonth } from './trading-month.ts';

const TABLES = { tsdb: ['t'], 'tsdb-uid': ['id', 'name'], 'tsdb-tree': ['t'], 'tsdb-meta': ['name'] } as const;
const OPEN = ['java.base/java.lang=ALL-UNNAMED', 'java.base/java.util=ALL-UNNAMED'];
const POINTS_A_PUT = 100;
const PUTS_AT_ONCE = 16;
const READY_MS = 60_000;

interface Place {
  readonly host: string;
  readonly port: number;
}

export class OpenTsdb implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #url: string;
  readonly #agent = new Agent({ connections: PUTS_AT_ONCE });

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  /** @throws Error that says in one line what is missing */
  static async start(hbase: Place, folder: string): Promise<OpenTsdb> {
    const state = await readState(HBASE_HOME);
    if (state?.ports.thrift !== hbase.port) throw new Error('OpenTSDB needs the HBase of "npm run hbase -- start"');
    const jars = await provideOpenTsdb(HBASE_JARS);
    await createTables(hbase);
    const port = await freePort();
    const home = path.join(folder, 'opentsdb');
    await mkdir(path.join(home, 'static'), { recursive: true });
    const config = path.join(home, 'opentsdb.conf');
    const settings = {
      'tsd.network.port': port,
      'tsd.network.bind': '127.0.0.1',
      'tsd.http.staticroot': path.join(home, 'static'),
      'tsd.http.cachedir': home,
      'tsd.http.request.enable_chunked': true,
      'tsd.http.request.max_chunk': 1_000_000,
      'tsd.core.auto_create_metrics': true,
      'tsd.storage.flush_interval': 10,
      'tsd.storage.hbase.zk_quorum': `127.0.0.1:${state.ports.zookeeper}`,
    };
    await writeFile(
      config,
      Object.entries(settings)
        .map((pair) => `${pair.join(' = ')}\n`)
        .join(''),
    );
    const flags = ['-Xmx1g', ...OPEN.flatMap((name) => ['--add-opens', name])];
    const args = [...flags, '-cp', path.join(jars, '*'), 'net.opentsdb.tools.TSDMain', '--config', config];
    const process = spawn('java', args, { cwd: home, stdio: 'ignore' });
    const tsdb = new OpenTsdb(process, `http://127.0.0.1:${port}`);
    await tsdb.#untilReady();
    return tsdb;
  }

  async #untilReady(): Promise<void> {
    for (const until = performance.now() + READY_MS; performance.now() < until; await wait(250)) {
      if (this.#process.exitCode !== null) throw new Error('OpenTSDB ended while it started');
      const answer = await request(`${this.#url}/api/version`, { dispatcher: this.#agent }).catch(() => null);
      if ((await answer?.body.text()) && answer?.statusCode === 200) return;
    }
    await this[Symbol.asyncDispose]();
    throw new Error('OpenTSDB did not answer in time');
  }

  /** Puts a month's sales, and asks for it. */
  async answerer(month: TradingMonth, of: string): Promise<Answerer> {
    const points = pointsOf(month);
    let next = 0;
    const put = async (): Promise<void> => {
      while (next < points.length) {
        const body = JSON.stringify(points.slice(next, next + POINTS_A_PUT));
        next += POINTS_A_PUT;
        const answer = await request(`${this.#url}/api/put?sync&details`, {
          ...{ method: 'POST', body, dispatcher: this.#agent, headers: { 'content-type': 'application/json' } },
        });
        const text = await answer.body.text();
        if (answer.statusCode !== 200) throw new Error(`OpenTSDB: ${answer.statusCode} ${text.slice(0, 200)}`);
      }
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, put));
    const [start, end] = [month.days[0] * DAY_MS, month.days[1] * DAY_MS - 1];
    const query = `start=${start}&end=${end}&m=zimsum:1dc-sum:sales{merchant=${month.merchant},type=sale}&tz=UTC`;
    return {
      name: `${of}, OpenTSDB`,
      expected: points.reduce((sum, { value }) => sum + value, 0),
      ask: async () => {
        const answer = await request(`${this.#url}/api/query?${encodeURI(query)}`, { dispatcher: this.#agent });
        const series = (await answer.body.json()) as { dps: Record<string, number> }[];
        return series.flatMap(({ dps }) => Object.values(dps)).reduce((sum, value) => sum + value, 0);
      },
      close: async () => undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
    if (this.#process.exitCode !== null) return;
    this.#process.kill();
    await once(this.#process, 'exit');
  }
}

/** Each at a millisecond of its own: of two points of one moment OpenTSDB keeps one. */
function pointsOf({ points, merchant }: TradingMonth) {
  return [...Map.groupBy(points, ({ at }) => hourOf(at))].flatMap(([hour, of]) =>
    of.map(({ till, amount }, at) => ({
      ...{ metric: 'sales', timestamp: hour * HOUR_MS + Math.floor((at * HOUR_MS) / of.length) },
      ...{ value: amount, tags: { merchant, type: 'sale', till } },
    })),
  );
}

async function createTables({ host, port }: Place): Promise<void> {
  const deadlines = { connectMs: 5_000, waitMs: 5_000, callMs: 60_000, schemaMs: 60_000 };
  const bounds = { connections: 1, maxWaiting: 10, maxReplyBytes: 1e6 };
  const gateway = new Gateway({ host, port, deadlines, ...bounds, random: Math.random, now: () => performance.now() });
  try {
    for (const [name, families] of Object.entries(TABLES)) {
      const tableName = { ns: Buffer.from('default'), qualifier: Buffer.from(name) };
      if (await gateway.call(tableExists, { tableName }, name)) continue;
      const columns = families.map((family) => ({ name: Buffer.from(family), bloomFilterType: BLOOM.row }));
      const desc = { tableName, columns, durability: DURABILITY.fsyncWal };
      await gateway.call(createTable, { desc }, name, 60_000);
    }
  } finally {
    await gateway.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
