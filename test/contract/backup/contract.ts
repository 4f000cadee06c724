/**
 * Contract of backup and restore, on any store: `await backupContract(t, () => open a store that
 * nobody has initialized yet, another one at each call)`.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { adopt } from '../../../collector/backup/adopt.ts';
import { type BackupReport, backUp } from '../../../collector/backup/backup.ts';
import { type RestoreReport, restore } from '../../../collector/backup/restore.ts';
import { listSets } from '../../../collector/backup/sets.ts';
import { type VerifyReport, verify } from '../../../collector/backup/verify.ts';
import { Control } from '../../../collector/store/control.ts';
import { DueMarks } from '../../../collector/store/due-marks.ts';
import { Finality } from '../../../collector/store/finality.ts';
import { initializeStore } from '../../../collector/store/initialize-store.ts';
import { type Row, TABLES, type TableName, type Tables } from '../../../collector/store/tables.ts';
import { Terminals } from '../../../collector/store/terminals.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import { DIGEST_KEY } from '../../support/collector/raw-rows.ts';
import { HOUR, LOGIC } from '../../support/collector/till-events.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';
import { E1, E2, finalThrough, say } from '../../support/region/tills.ts';

const DAY = Math.floor(HOUR / 24);
const SILENT = { progress: () => undefined, signal: new AbortController().signal };
const ALL = { start: Buffer.of(), stop: Buffer.of(0xff, 0xff) };
let nonces = 0;

class Shop {
  readonly tables: Tables;
  readonly region: Region;
  readonly dir: string;
  /** Of the backups. */
  now = Date.now();

  private constructor(tables: Tables, dir: string) {
    this.tables = tables;
    this.dir = dir;
    this.region = new Region(tables, merchantId('acme'));
  }

  static async open(t: Test, open: () => Promise<Tables>): Promise<Shop> {
    const tables = await open();
    t.teardown(() => tables.close());
    await initializeStore(tables, LOGIC.dimensions, { storeGen: 'before', digestKey: DIGEST_KEY });
    const shop = new Shop(tables, join(t.testdir(), 'backup'));
    await shop.register('till-1');
    return shop;
  }

  async register(terminal: string): Promise<void> {
    const registration = { merchant: merchantId('acme'), terminal: terminalId(terminal), store: null };
    await new Terminals(this.tables).register({ ...registration, state: 'active', tokens: [], createdAt: 5 }, null);
  }

  backUp(options: Partial<Parameters<typeof backUp>[1]> = {}, tables = this.tables): Promise<BackupReport> {
    return backUp(tables, { ...SILENT, dir: this.dir, full: false, now: () => this.now, ...options });
  }

  restore(tables: Tables, options: Partial<Parameters<typeof restore>[1]> = {}): Promise<RestoreReport> {
    const marks = new DueMarks(tables, () => (++nonces).toString(16).padStart(16, '0'));
    const fixed = { ...SILENT, dir: this.dir, marks, graceMs: 0, generation: 'after', now: () => this.region.now };
    return restore(tables, { ...fixed, ...options });
  }

  verify(options: Partial<Parameters<typeof verify>[0]> = {}): Promise<VerifyReport> {
    return verify({ ...SILENT, dir: this.dir, ...options });
  }

  /** A region on a restored store, of which the same is expected. */
  restored(tables: Tables): Region {
    const region = new Region(tables, this.region.merchant);
    region.delivered.push(...this.region.delivered);
    return region;
  }

  /** `count` sales of one hour, each in a batch of its own. */
  async sell(count: number, { hour = HOUR, arrival = this.now }: { hour?: number; arrival?: number } = {}) {
    const first = this.region.delivered.length + 1;
    const rows = Array.from({ length: count }, (_, i) =>
      this.region.events('till-1', first + i, salesIn(hour, [100 + first + i]), { arrival }),
    );
    await this.region.deliver(...rows);
  }
}

const rowsOf = async (tables: Tables, table: TableName): Promise<[string, number, string][]> =>
  Array.fromAsync(tables.scan(table, ALL), ({ row, time, cells }: Row) => [
    Buffer.from(row).toString('hex'),
    time,
    [...cells].map(([column, value]) => `${column}=${Buffer.from(value).toString('hex')}`).join(),
  ]);

export async function backupContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const opened = async (t: Test): Promise<Tables> => {
    const tables = await open();
    t.teardown(() => tables.close());
    return tables;
  };

  await t.test('what was backed up is restored, under a new generation, and rolled up anew', async (t) => {
    const shop = await Shop.open(t, open);
    const control = new Control(shop.tables);
    await control.addApiKey({ merchant: merchantId('acme'), hash: 'aa', createdAt: 1, revokedAt: null });
    await control.probe('some', 5);
    for (const hour of [HOUR, HOUR + 1, HOUR + 30]) await shop.sell(3, { hour });
    await shop.region.deliver(shop.region.losses('till-2', 1, 7));
    await shop.region.passDay(DAY);
    await shop.region.passDay(DAY + 1);

    const { manifest, resumed } = await shop.backUp();
    t.match(manifest, { kind: 'full', base: null, since: null, store: { generation: 'before', layout: 2 } });
    t.equal(resumed, false);
    t.same(await listSets(shop.dir), [manifest.name]);
    t.same(await shop.verify(), {
      ...{ chain: [manifest], rows: 15, faults: [], faultsNotListed: 0 },
      bytes: Object.values(manifest.tables)
        .flat()
        .reduce((bytes, file) => bytes + file.bytes, 0),
    });

    const tables = await opened(t);
    const report = await shop.restore(tables);
    t.match(report, { generation: 'after', rows: { events: 10, terminals: 1 }, hours: 3, resumed: false });
    for (const table of ['events', 'terminals'] as const)
      t.same(await rowsOf(tables, table), await rowsOf(shop.tables, table), table);
    t.same(await rowsOf(tables, 'rollups'), []);
    t.match(await new Control(tables).apiKey('aa'), { merchant: 'acme' });
    const proposed = { storeGen: 'other', digestKey: new Uint8Array(16) };
    const identity = await initializeStore(tables, LOGIC.dimensions, proposed);
    t.equal(identity.storeGen, 'after');
    t.equal(Buffer.compare(identity.digestKey, DIGEST_KEY), 0, 'rows have the names they had');

    const region = shop.restored(tables);
    await region.passDay(DAY);
    await region.passDay(DAY + 1);
    await region.checkAll();
    t.same(region.failures, []);
  });

  await t.test('what tills said before a restore makes nothing final after it', async (t) => {
    const shop = await Shop.open(t, open);
    const { region } = shop;
    await shop.sell(1, { hour: HOUR });
    region.now = (HOUR + 2) * HOUR_MS;
    await say(region, 'till-1', region.now - 60_000, { closed: [[E2, 7]], lastSeen: shop.now });
    await region.pass();
    t.equal(await finalThrough(region), (HOUR + 1) * HOUR_MS);
    await shop.backUp();
    t.match(await shop.verify(), { faults: [] });
    const tables = await opened(t);
    await shop.restore(tables);
    t.match(await new Finality(tables).read(region.merchant), {
      record: null,
      terminals: [{ terminal: 'till-1', epochs: [{ epoch: E1, clearThrough: 0, closed: [] }] }],
    });
  });

  await t.test('only the owner may read a backup', { skip: process.platform === 'win32' }, async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(1);
    const { manifest } = await shop.backUp();
    const folder = join(shop.dir, manifest.name);
    for (const path of [shop.dir, folder]) t.equal(statSync(path).mode & 0o777, 0o700);
    for (const name of readdirSync(folder)) t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  });

  await t.test('a later backup holds what arrived since, and each set can be restored', async (t) => {
    const shop = await Shop.open(t, open);
    const events = ({ manifest }: BackupReport): number =>
      manifest.tables.events.reduce((rows, file) => rows + file.rows, 0);
    await shop.sell(20, { arrival: shop.now - 2 * HOUR_MS });
    await shop.sell(1);
    const full = await shop.backUp();
    t.equal(events(full), 21);
    shop.now += DAY_MS;
    await shop.register('till-9');
    await shop.sell(4, { hour: HOUR + 2 });
    const first = await shop.backUp();
    t.match(first.manifest, { kind: 'incremental', base: { name: full.manifest.name } });
    t.equal(events(first), 1 + 4, 'an hour before the last arrival is taken twice');
    shop.now += DAY_MS;
    const idle = await shop.backUp();
    t.equal(events(idle), 4);
    await shop.sell(2, { hour: HOUR + 30 });
    const last = await shop.backUp();
    t.equal(events(last), 4 + 2);
    t.same((await shop.verify()).faults, []);

    const newest = await opened(t);
    const { chain } = await shop.restore(newest);
    t.same(
      chain,
      [full, first, idle, last].map(({ manifest }) => manifest),
    );
    t.same(await rowsOf(newest, 'events'), await rowsOf(shop.tables, 'events'));
    t.same(await rowsOf(newest, 'terminals'), await rowsOf(shop.tables, 'terminals'));

    const yesterdays = await opened(t);
    await shop.restore(yesterdays, { set: full.manifest.name });
    t.equal((await rowsOf(yesterdays, 'events')).length, 21);
    t.equal((await rowsOf(yesterdays, 'terminals')).length, 1);
    t.equal((await shop.backUp({ full: true })).manifest.kind, 'full');
  });

  await t.test('a backup that was interrupted goes on, and lacks nothing', async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(30);
    const stop = new AbortController();
    const options = { segmentBytes: 1, signal: stop.signal };
    let files = 0;
    const progress = (): void => {
      if (++files === 1) stop.abort(new Error('stopped'));
    };
    await t.rejects(shop.backUp({ ...options, progress }), { message: 'stopped' });
    t.same(await listSets(shop.dir), [], 'it does not count yet');
    await t.rejects(
      shop.verify().then(({ faults }) => Promise.reject(new Error(faults[0]?.detail))),
      {
        message: /there is no backup in/,
      },
    );
    shop.now += 1_000;
    const { manifest, resumed } = await shop.backUp();
    t.ok(resumed);
    t.equal(manifest.tables.events[0]?.rows, 1, 'what it had is not read again');
    t.equal(
      manifest.tables.events.reduce((rows, file) => rows + file.rows, 0),
      30,
    );
    t.ok(Date.parse(manifest.startedAt) < shop.now, 'what arrived meanwhile belongs to the next one');
    t.same((await shop.verify()).faults, []);
  });

  await t.test('the store fails in the middle: the next backup goes on', async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(3);
    const failing = new HookedTables(shop.tables, (call, make) =>
      call.operation === 'scan' && call.table === 'control' ? Promise.reject(new Error('gone')) : make(),
    );
    await t.rejects(shop.backUp({}, failing), { message: 'gone' });
    const { resumed } = await shop.backUp();
    t.ok(resumed);
    const tables = await opened(t);
    await shop.restore(tables);
    t.same(await rowsOf(tables, 'events'), await rowsOf(shop.tables, 'events'));
    t.same(await rowsOf(tables, 'terminals'), await rowsOf(shop.tables, 'terminals'));
  });

  await t.test('a restore that was interrupted goes on, and until then nobody uses the store', async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(30);
    await shop.sell(30, { hour: HOUR + 1 });
    const first = await shop.backUp({ full: true });
    shop.now += 1_000;
    await shop.backUp({ full: true, segmentBytes: 1 });
    const tables = await opened(t);
    const stop = new AbortController();
    const progress = (): void => stop.abort(new Error('stopped'));
    await t.rejects(shop.restore(tables, { signal: stop.signal, progress }), { message: 'stopped' });
    const proposed = { storeGen: 'other', digestKey: new Uint8Array(16) };
    await t.rejects(initializeStore(tables, LOGIC.dimensions, proposed), {
      name: 'ConfigError',
      message: /only in part: run "restore" again/,
    });
    await t.rejects(shop.restore(tables, { set: first.manifest.name }), { message: /holds the set .*, in part/ });
    const report = await shop.restore(tables, { generation: 'a third' });
    t.match(report, { generation: 'after', resumed: true });
    t.same(await rowsOf(tables, 'events'), await rowsOf(shop.tables, 'events'));
    t.equal((await initializeStore(tables, LOGIC.dimensions, proposed)).storeGen, 'after');
    await t.rejects(shop.restore(tables), { message: /the store holds the set/ });

    const region = shop.restored(tables);
    await region.passDay(DAY);
    await region.checkAll();
  });

  await t.test('only an empty store is restored into', async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(1);
    await shop.backUp();
    const before = await Promise.all(TABLES.map((table) => rowsOf(shop.tables, table)));
    await t.rejects(shop.restore(shop.tables), { name: 'BackupFailed', message: /the store is not empty \(events\)/ });
    t.same(await Promise.all(TABLES.map((table) => rowsOf(shop.tables, table))), before);
    const empty = await opened(t);
    await empty.init();
    await t.rejects(shop.backUp({}, empty), { message: /never initialized/ });
  });

  await t.test('a backup that is not what it was is found, and not restored', async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(5);
    await shop.backUp();
    shop.now += DAY_MS;
    await shop.sell(5);
    const { manifest } = await shop.backUp();
    const [base, set] = (await listSets(shop.dir)) as [string, string];
    const whole = `${shop.dir}-whole`;
    cpSync(shop.dir, whole, { recursive: true });
    const events = join(set, manifest.tables.events[0]!.name);
    const flip = (file: string, at: number): void => {
      const bytes = readFileSync(file);
      bytes[at]! ^= 1;
      writeFileSync(file, bytes);
    };
    const harms: [RegExp, (dir: string) => void][] = [
      [/has other content/, (dir) => flip(join(dir, events), 40)],
      [/bytes instead of/, (dir) => writeFileSync(join(dir, events), readFileSync(join(dir, events)).subarray(1))],
      [/is missing/, (dir) => rmSync(join(dir, events))],
      [/manifest.json cannot be read/, (dir) => rmSync(join(dir, set, 'manifest.json'))],
      [/was changed/, (dir) => writeFileSync(join(dir, set, 'manifest.json'), withOtherRows(join(dir, set)))],
      [/adds to the set .* put it back/, (dir) => rmSync(join(dir, base), { recursive: true })],
      [/there is no backup/, (dir) => rmSync(dir, { recursive: true })],
    ];
    for (const [message, harm] of harms) {
      rmSync(shop.dir, { recursive: true, force: true });
      cpSync(whole, shop.dir, { recursive: true });
      harm(shop.dir);
      t.match((await shop.verify()).faults[0]?.detail, message);
      await t.rejects(shop.restore(await opened(t)), { name: 'BackupFailed', message });
    }
  });

  await t.test('tables that were put in place by other means become a store', async (t) => {
    const shop = await Shop.open(t, open);
    const { tables, region } = shop;
    await shop.sell(3);
    await shop.sell(2, { hour: HOUR + 30 });
    await region.append(region.events('till-2', 1, salesIn(HOUR, [5])));
    const place = { merchant: region.merchant, level: 'hour' as const, time: HOUR };
    const part = { terminal: terminalId('till-1'), reason: 'cost' as const, detail: '', attempts: 1, since: 1 };
    const record = { ...place, parts: [{ ...part, retryAt: Number.MAX_SAFE_INTEGER }], startedAt: null, crashes: 0 };
    await region.parked.write(record, null);
    const due = await rowsOf(tables, 'due');
    await tables.delete(
      'due',
      due.map(([key]) => Buffer.from(key, 'hex')),
    );

    const marks = new DueMarks(tables, () => (++nonces).toString(16).padStart(16, '0'));
    const options = { ...SILENT, set: 'a copy', marks, graceMs: 0, now: () => region.now };
    const stopped = { ...options, generation: 'x', signal: AbortSignal.abort(new Error('stopped')) };
    await t.rejects(adopt(tables, stopped), { message: 'stopped' });
    const proposed = { storeGen: 'other', digestKey: new Uint8Array(16) };
    await t.rejects(initializeStore(tables, LOGIC.dimensions, proposed), { message: /only in part/ });
    t.same(await adopt(tables, { ...options, generation: 'after' }), { rows: 6, hours: 2 });
    t.equal((await initializeStore(tables, LOGIC.dimensions, proposed)).storeGen, 'after');
    await region.passDay(DAY);
    await region.passDay(DAY + 1);
    await region.checkAll();
    t.same(region.failures, []);
    t.same(await adopt(tables, { ...options, generation: 'once more' }), { rows: 6, hours: 2 }, 'also a second time');
    t.equal(await new Control(tables).generation(), 'once more');
  });

  await t.test('a batch that the store has damaged is named, backed up, and restored as it is', async (t) => {
    const shop = await Shop.open(t, open);
    await shop.sell(3);
    const [, victim, other] = shop.region.delivered;
    const bytes = Buffer.from(victim!.bytes);
    bytes[bytes.length - 1]! ^= 1;
    await shop.region.overwrite(victim!, bytes);
    await shop.region.overwrite(other!, shop.region.delivered[0]!.bytes);
    await shop.backUp();
    const { faults } = await shop.verify();
    const key = (row: typeof victim): string => Buffer.from(row!.rowKey).toString('hex');
    t.same(
      faults.map(({ detail }) => detail),
      [
        `row ${key(victim)} has a batch whose checksum does not match`,
        `row ${key(other)} has another batch than its key names`,
      ],
    );
    const tables = await opened(t);
    await shop.restore(tables);
    t.same(await rowsOf(tables, 'events'), await rowsOf(shop.tables, 'events'));
  });
}

/** A manifest that claims another number of rows, as if it were one. */
function withOtherRows(folder: string): string {
  return readFileSync(join(folder, 'manifest.json'), 'utf8').replace(/"rows": \d+/, '"rows": 1000');
}
