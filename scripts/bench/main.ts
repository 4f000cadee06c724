/** `npm run bench`: measures this machine, and prints tables and JSON. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openSqliteTables } from '../../collector/store/sqlite/sqlite-tables.ts';
import type { Tables } from '../../collector/store/tables.ts';
import { HOUR_MS, hourOf } from '../../shared/time.ts';
import { TWO_WEEKS } from '../datasets/online-retail/extracts.ts';
import { OpenTsdb } from './load/open-tsdb.ts';
import { baskets, invoices } from './load/workload.ts';
import { type Section, table } from './measure/report.ts';
import { backlog } from './sections/backlog-drain.ts';
import { falsePositives, guardCost } from './sections/card-masking.ts';
import { endToEnd, type StoreUnderTest } from './sections/end-to-end.ts';
import { buildBesideIntake } from './sections/figures/build-beside-intake.ts';
import { foldSpeed } from './sections/figures/fold-speed.ts';
import { hourEnd } from './sections/figures/hour-end.ts';
import { backlogBesideLive, lateEvent } from './sections/figures/late-data.ts';
import { liveHour } from './sections/figures/live-hour.ts';
import { monthByDay } from './sections/figures/month-by-day.ts';
import { reprocessing } from './sections/figures/reprocess.ts';
import { rowBytes } from './sections/figures/row-bytes.ts';
import { flash } from './sections/flash-wear.ts';
import { linger } from './sections/linger.ts';
import { limits } from './sections/machine-baseline.ts';
import { packagedAgent } from './sections/packaged-agent.ts';
import { recovery } from './sections/recovery-time.ts';
import { type AdapterUnderTest, storeAlone } from './sections/store-throughput.ts';
import { visibility } from './sections/visibility-latency.ts';
import { pureCode, wireBytes } from './sections/wire-size.ts';

const HELP = `npm run bench -- [options]

Measures bytes on the wire and a rollup row, the pure code, the store alone, the whole way, the time to visible, an open hour, an hour that ended,
a month by day, lingering, a backlog that drains, the recovery of damaged buffers, the guard against card data, a till's flash memory,
the packaged agent, and memory; prints tables and then JSON.

  --only LIST    some of: wire, code, fold, store, way, visible, live, hour, month, linger, backlog,
                 recovery, cards, flash, package, reprocess, late, rows (comma-separated)
  --file CSV.gz  real invoices: the Online Retail data set, or days of it (default: the two weeks in test/data)
  --hbase HOST:PORT  also measures a running HBase's Thrift2 gateway; "npm run hbase -- start" prints where
  --opentsdb     "month" also asks an OpenTSDB on that HBase, which Maven downloads
  --full         "recovery" has buffers of 1 GiB, which takes half an hour and 5 GiB of disk;
                 "late" has a month of 1,000 tills, not of 100
  --quick        a tenth of the events: shows that it runs, not how fast
  --json         one JSON document on standard output, tables on standard error

Examples
  npm run bench
  npm run bench -- --only wire,code --json > figures.json
  npm run hbase -- start && npm run bench -- --only store,way,visible --hbase 127.0.0.1:9090
`;

const SECTIONS = [
  'wire',
  'code',
  'fold',
  'store',
  'way',
  'visible',
  'live',
  'hour',
  'month',
  'linger',
  'backlog',
  'recovery',
  'cards',
  'flash',
  'package',
  'reprocess',
  'late',
  'rows',
];

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: SECTIONS.join(',') },
      file: { type: 'string', default: TWO_WEEKS },
      hbase: { type: 'string' },
      opentsdb: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const only = values.only.split(',');
  const unknown = only.find((name) => !SECTIONS.includes(name));
  if (unknown !== undefined) throw new Error(`--only has no "${unknown}"; there are ${SECTIONS.join(', ')}`);
  const [host, port] = values.hbase?.split(':') ?? [];
  if (values.hbase !== undefined && !(host && Number(port) > 0)) throw new Error('--hbase must be HOST:PORT');
  return { ...values, only: new Set(only), hbase: host && port ? { host, port: Number(port) } : null };
}

/** With the store's adapters, without the rest of the collector; HBase only if one runs. */
async function onAdapters(
  folder: string,
  hbase: ReturnType<typeof options>['hbase'],
  measure: (adapters: readonly AdapterUnderTest[]) => Promise<Section>,
): Promise<Section> {
  const adapters: AdapterUnderTest[] = [
    { name: 'SQLite', tables: await openSqliteTables({ path: path.join(folder, 'alone.db') }), concurrency: 1 },
  ];
  if (hbase !== null) {
    const { openHBaseTables } = await import('../../collector/store/hbase/hbase-tables.ts');
    adapters.push({
      name: 'HBase',
      tables: await openHBaseTables({ ...hbase, connections: 8, namespace: 'bench' }),
      concurrency: 8,
    });
  }
  for (const { tables } of adapters) await tables.init();
  const section = await measure(adapters);
  for (const { tables } of adapters) await tables.close();
  return section;
}

async function reprocessed(
  folder: string,
  hbase: ReturnType<typeof options>['hbase'],
  scale: number,
): Promise<Section[]> {
  const size = { hours: Math.ceil(48 / scale), size: 1_000 };
  const on = async (store: string, tables: Tables): Promise<Section> => {
    try {
      await tables.init();
      return await reprocessing(tables, { ...size, store });
    } finally {
      await tables.close();
    }
  };
  const sections = [await on('SQLite', await openSqliteTables({ path: path.join(folder, 'reprocessed.db') }))];
  if (hbase !== null) {
    const { openHBaseTables } = await import('../../collector/store/hbase/hbase-tables.ts');
    // Of one connection the megabytes a second are to be known.
    const choice = { ...hbase, connections: 1, namespace: 'bench' };
    sections.push(await on('HBase, one connection of the gateway', await openHBaseTables(choice)));
  }
  const store = { kind: 'sqlite', path: path.join(folder, 'beside.db') } as const;
  sections.push(await buildBesideIntake({ store, hours: size.hours, quietSeconds: 30 / scale }));
  return sections;
}

/** Stores of their own, without anything else in them. */
async function late(folder: string, { quick, full }: { quick: boolean; full: boolean }): Promise<Section[]> {
  let stores = 0;
  const open = async () => {
    const tables = await openSqliteTables({ path: path.join(folder, `late-${stores++}.db`) });
    await tables.init();
    return tables;
  };
  const tables = await open();
  const giant = quick ? { tills: 500, days: 30, hours: 4 } : { tills: 5_000, days: 300, hours: 24 };
  const one = await lateEvent(tables, giant);
  await tables.close();
  const backlog = quick ? { tills: 50, hours: 72 } : { tills: full ? 1_000 : 100, hours: 720 };
  return [one, await backlogBesideLive(open, { ...backlog, live: 100, minutes: quick ? 3 : 8 })];
}

async function main(): Promise<void> {
  const { only, file, hbase, opentsdb, full, quick, json, help } = options();
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const print = (text: string): void => void (json ? process.stderr : process.stdout).write(text);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-bench-'));
  const sections: Section[] = [];
  const add = (...measured: Section[]): void => {
    sections.push(...measured);
    for (const section of measured) print(`${table(section)}\n`);
  };
  const scale = quick ? 10 : 1;
  const hour = (hourOf(Date.now()) - 2) * HOUR_MS;
  try {
    add(await limits(folder));
    if (['wire', 'code', 'fold'].some((name) => only.has(name))) {
      const workloads = [
        { name: 'small baskets', events: baskets(20_000 / scale, hour) },
        { name: 'real invoices', events: await invoices(file, 1_000, hour) },
      ];
      if (only.has('wire')) add(wireBytes(workloads));
      if (only.has('code')) add(pureCode(workloads));
      if (only.has('fold')) add(foldSpeed(workloads));
    }
    if (only.has('cards')) add(falsePositives(20_000 / scale), guardCost(20_000 / scale));
    if (only.has('store'))
      add(await onAdapters(folder, hbase, (them) => storeAlone(them, baskets(50_000 / scale, hour))));
    const stores: StoreUnderTest[] = [{ name: 'SQLite', choice: undefined }];
    if (hbase !== null)
      stores.push({ name: 'HBase', choice: { kind: 'hbase', ...hbase, connections: 8, namespace: 'bench' } });
    if (only.has('way')) add(...(await endToEnd(stores, { single: 20_000 / scale, hundreds: 200_000 / scale })));
    if (only.has('reprocess')) add(...(await reprocessed(folder, hbase, scale)));
    if (only.has('late')) add(...(await late(folder, { quick, full })));
    if (only.has('rows')) add(await onAdapters(folder, null, ([sqlite]) => rowBytes(sqlite!.tables, file)));
    if (only.has('linger')) add(await linger(quick ? 3 : 10));
    if (only.has('backlog')) add(await backlog({ count: 1_000_000 / scale, hours: 72 }));
    if (only.has('recovery')) add(await recovery(folder, { full, scale }));
    const flashBytes = only.has('flash') ? await flash(scale) : null;
    if (flashBytes !== null) add(flashBytes);
    if (only.has('package'))
      add(
        ...(await packagedAgent(folder, { seconds: 300 / scale, singles: 20_000 / scale, hundreds: 200_000 / scale })),
      );
    const load = { rows: 300_000 / scale, rowsPerSecond: 100, seconds: quick ? 10 : 60 };
    if (only.has('live')) add(await onAdapters(folder, hbase, (them) => liveHour(them, load)));
    if (only.has('hour')) add(await hourEnd(10_000 / scale));
    if (only.has('month')) {
      await using rival = hbase !== null && opentsdb ? await OpenTsdb.start(hbase, folder) : null;
      const month = { sales: 1_000_000 / scale, questions: 200 / scale };
      add(await onAdapters(folder, hbase, (them) => monthByDay(them, month, rival)));
    }
    if (only.has('visible')) add(await visibility(stores, { rate: 500, seconds: quick ? 5 : 30 }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), node: process.version, sections })}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
