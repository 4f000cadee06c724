/** `backup`, `verify-backup` and `restore` as an operator and his scripts call them. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { backupStore } from '../../../collector/cli/backup.ts';
import { loadConfig } from '../../../collector/config/load-config.ts';
import { openTables } from '../../../collector/main.ts';
import { Control } from '../../../collector/store/control.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import { batchOf } from '../../support/collector/batches.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { testDir } from '../../support/system/test-dir.ts';

// Twenty processes, on a machine that may be busy.
t.setTimeout(120_000);

const MAIN = new URL('../../../collector/main.ts', import.meta.url).pathname;
/** Over, so that its figures are rolled up at once. */
const HOUR = hourOf(Date.now() - 3 * HOUR_MS);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const cli = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

/** The one document that a command prints. */
async function json(code: number, ...args: string[]) {
  const ended = await cli(...args, '--json');
  if (ended.code !== code) throw new Error(`exit ${ended.code}: ${ended.stdout} ${ended.stderr}`);
  return JSON.parse(ended.stdout);
}

let stores = 0;

function configFile(t: Test): string {
  const dir = join(testDir(t), `store-${++stores}`);
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'collector.yaml');
  const free = { host: '127.0.0.1', port: 0 };
  writeFileSync(
    file,
    JSON.stringify({ store: { kind: 'sqlite', path: join(dir, 'store.db') }, mqtt: free, http: free }),
  );
  return file;
}

/** Ten sales of till-1, as ingest stores them, without the due mark. */
async function store(config: string, first: number): Promise<void> {
  const tables = await openTables(loadConfig(config).store);
  try {
    const log = new EventLog(tables, await new Control(tables).digestKey(new Uint8Array(16)));
    const { bytes, header } = batchOf(first, first + 9, { hour: HOUR });
    const from = { merchant: merchantId('acme'), terminal: terminalId('till-1') };
    await log.append([{ ...from, header, bytes, arrival: Date.now() }]);
  } finally {
    await tables.close();
  }
}

/** Batches of one sale each. */
async function fill(config: string, count: number): Promise<void> {
  const tables = await openTables(loadConfig(config).store);
  try {
    const log = new EventLog(tables, await new Control(tables).digestKey(new Uint8Array(16)));
    const from = { merchant: merchantId('acme'), terminal: terminalId('till-1') };
    const batches = Array.from({ length: count }, (_, i) => ({ ...from, ...batchOf(i + 1, i + 1, { hour: HOUR }) }));
    await log.append(batches.map((batch) => ({ ...batch, arrival: Date.now() })));
  } finally {
    await tables.close();
  }
}

async function rowsIn(config: string): Promise<string[]> {
  const tables = await openTables(loadConfig(config).store);
  try {
    const rows = await Array.fromAsync(tables.scan('events', { start: Buffer.of(), stop: Buffer.of(0xff, 0xff) }));
    return rows.map(({ row, time }) => `${Buffer.from(row).toString('hex')} ${time}`);
  } finally {
    await tables.close();
  }
}

/** @returns whether it was still running */
const isKilled = (afterMs: number, ...args: string[]): Promise<boolean> =>
  new Promise((resolve) => {
    const options = { timeout: Math.ceil(afterMs), killSignal: 'SIGKILL' } as const;
    execFile(process.execPath, [MAIN, ...args], options, (error) => resolve(error?.signal === 'SIGKILL'));
  });

t.test('a region moves to another store, with what arrived since yesterday', async (t) => {
  const [old, fresh] = [configFile(t), configFile(t)];
  const to = join(testDir(t), 'backup');
  await json(0, 'init', '--config', old);
  await json(0, 'terminals', 'add', '--merchant', 'acme', '--terminal', 'till-1', '--config', old);
  await json(0, 'keys', 'add', '--merchant', 'acme', '--config', old);
  await store(old, 1);
  const full = await json(0, 'backup', '--to', to, '--config', old);
  t.match(full, { kind: 'full', base: null, since: null, rows: { events: 1, terminals: 1 }, resumed: false });
  await store(old, 11);
  const next = await json(0, 'backup', '--to', to, '--config', old);
  t.match(next, { kind: 'incremental', base: full.set, rows: { events: 2, terminals: 1 } });
  t.same(readdirSync(to), [full.set, next.set]);

  const { sets, faults } = await json(0, 'verify-backup', '--from', to, '--config', fresh);
  t.same(
    sets.map(({ set }: { set: string }) => set),
    [full.set, next.set],
  );
  t.same(faults, []);
  const restored = await json(0, 'restore', '--from', to, '--config', fresh);
  t.match(restored, { set: next.set, rows: { events: 3, terminals: 1 }, resumed: false });
  const { storeGen } = await json(0, 'init', '--config', fresh);
  t.equal(storeGen, restored.generation);
  t.not(storeGen, full.store.generation);
  t.match(await json(0, 'terminals', 'list', '--merchant', 'acme', '--config', fresh), {
    terminals: [{ terminal: 'till-1' }],
  });

  const yesterdays = configFile(t);
  t.match(await json(0, 'restore', '--from', to, '--set', full.set, '--config', yesterdays), { rows: { events: 1 } });
});

t.test('people read what was done', async (t) => {
  const config = configFile(t);
  const to = join(testDir(t), 'backup');
  await cli('init', '--config', config);
  await store(config, 1);
  t.match(await cli('backup', '--to', to, '--config', config), {
    code: 0,
    stdout: /full, 1 batches, \d KiB in [\d.]+ s/,
  });
  t.match(await cli('verify-backup', '--from', to, '--config', config), { code: 0, stdout: /all is sound/ });
  const fresh = configFile(t);
  const { code, stdout } = await cli('restore', '--from', to, '--config', fresh);
  t.equal(code, 0);
  t.match(stdout, /new generation is [0-9a-f-]{36}; 1 hours are due/);
});

t.test('what is wrong is told, with exit code 1', async (t) => {
  const config = configFile(t);
  const to = join(testDir(t), 'backup');
  t.match(await json(1, 'backup', '--to', to, '--config', config), { error: /was `init` run on this store/ });
  t.match(await json(1, 'verify-backup', '--from', to, '--config', config), {
    faults: [{ set: null, detail: /there is no backup in/ }],
  });
  t.match(await json(1, 'restore', '--from', to, '--config', config), { error: /there is no backup in/ });
  t.match(await json(2, 'backup', '--config', config), { error: '--to is missing' });
  await json(0, 'init', '--config', config);
  t.match(await json(1, 'backup', '--to', '/dev/null/backup', '--config', config), { error: /ENOTDIR/ });
  await store(config, 1);
  const { set } = await json(0, 'backup', '--to', to, '--config', config);
  t.match(await json(1, 'restore', '--from', to, '--config', config), { error: /the store is not empty/ });

  const file = join(to, set, 'events-000001.segment');
  const bytes = readFileSync(file);
  bytes[bytes.length - 3]! ^= 0x10;
  writeFileSync(file, bytes);
  t.match(await json(1, 'verify-backup', '--from', to, '--config', config), {
    faults: [{ set, file: 'events-000001.segment', detail: /other content/ }],
  });
  t.match(await cli('verify-backup', '--from', to, '--config', config), { code: 1, stdout: /other content/ });
});

t.test('kill -9 of backups and restores: the last ones are whole', async (t) => {
  const [old, fresh] = [configFile(t), configFile(t)];
  const to = join(testDir(t), 'backup');
  await json(0, 'init', '--config', old);
  await fill(old, 3_000);
  const start = performance.now();
  await json(0, 'backup', '--to', `${to}-timed`, '--config', old);
  const whole = performance.now() - start;
  /** Kills it in each eighth of the time that it takes. @returns how many were still running */
  const kill = async (...args: string[]): Promise<number> => {
    let killed = 0;
    for (let eighth = 1; eighth < 8; eighth++) if (await isKilled((whole * eighth) / 8, ...args)) killed++;
    return killed;
  };
  t.ok((await kill('backup', '--to', to, '--config', old)) > 0);
  t.match(await json(0, 'backup', '--to', to, '--config', old), { rows: { terminals: 0 } });
  t.match(await json(0, 'verify-backup', '--from', to, '--config', old), { faults: [] });
  t.ok((await kill('restore', '--from', to, '--config', fresh)) > 0);
  // The last one may have ended before it was killed.
  await cli('restore', '--from', to, '--config', fresh);
  t.same(await rowsIn(fresh), await rowsIn(old));
  await json(0, 'init', '--config', fresh);
});

t.test('the first signal stops a backup where it can go on', async (t) => {
  const config = configFile(t);
  const to = join(testDir(t), 'backup');
  await cli('init', '--config', config);
  await store(config, 1);
  await store(config, 11);
  const context = { config: loadConfig(config), given: { to }, now: Date.now };
  const listeners = process.listenerCount('SIGTERM');
  const interrupted = {
    ...context,
    openTables: async (of: Parameters<typeof openTables>[0]) =>
      new HookedTables(await openTables(of), (call, make) => {
        if (call.operation === 'scan' && call.table === 'events') process.emit('SIGTERM');
        return make();
      }),
  };
  await t.rejects(backupStore.run(interrupted), {
    name: 'CommandFailed',
    message: 'backup was stopped; the same command goes on',
  });
  t.same(readdirSync(to), ['unfinished']);
  t.match((await backupStore.run({ ...context, openTables })).json, { resumed: true, rows: { events: 2 } });
  t.equal(process.listenerCount('SIGTERM'), listeners, 'a later signal ends the process as ever');
});
