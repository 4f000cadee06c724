import { randomBytes } from 'node:crypto';
import t from 'tap';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import { Gateway } from '../../../collector/store/hbase/thrift/gateway.ts';
import { getAllRegionLocations, getTableDescriptor } from '../../../collector/store/hbase/thrift/idl.ts';
import { tablesContract } from '../../contract/tables-contract.ts';
import { sharedHBase } from '../../support/real/hbase.ts';

const hbase = await sharedHBase(t);
if (hbase !== null) {
  const namespace = `test_${randomBytes(4).toString('hex')}`;
  const { host, port } = hbase;
  const open = () => openHBaseTables({ host, port, namespace });
  const bytes = (text: string) => Buffer.from(text);
  const row = () => randomBytes(12);

  await t.test('before init, a call says that it is missing', async (t) => {
    await using tables = disposable(open());
    await t.rejects(tables.get('control', [row()]), { name: 'StoreUnavailable', message: /has `init` been run/ });
  });

  await t.test('HBase through Thrift2 keeps the contract of the store', (t) => tablesContract(t, async () => open()));

  await t.test('tables keep one version, raw batches expire, and the busy ones begin with four regions', async (t) => {
    const gateway = new Gateway({
      ...{ host, port, connections: 1, maxWaiting: 1, maxReplyBytes: 1_000_000, random: Math.random },
      ...{
        deadlines: { connectMs: 5_000, waitMs: 5_000, callMs: 20_000, schemaMs: 20_000 },
        now: () => performance.now(),
      },
    });
    t.teardown(() => gateway.close());
    const describe = (table: string) =>
      gateway.call(getTableDescriptor, { table: { ns: bytes(namespace), qualifier: bytes(table) } }, table);
    const regionsOf = async (table: string) =>
      (await gateway.call(getAllRegionLocations, { table: bytes(`${namespace}:${table}`) }, table)).map(
        ({ regionInfo }) => [...(regionInfo?.startKey ?? [])],
      );
    const oneVersion = { maxVersions: 1, dataBlockEncoding: 4, bloomFilterType: 1 };
    const events = await describe('events');
    t.match(events, { durability: 4, columns: [{ ...oneVersion, timeToLive: 400 * 86_400 }] });
    const [{ attributes, configuration } = {}] = events.columns ?? [];
    t.equal(attributes?.get('IN_MEMORY_COMPACTION'), 'BASIC');
    t.equal(configuration?.get('hbase.hregion.compacting.pipeline.segments.limit'), '30');
    const expiring = { ...oneVersion, timeToLive: 400 * 86_400 };
    t.match(await describe('history'), { columns: [expiring, expiring, expiring] });
    t.match(await describe('rollups'), { columns: [oneVersion, oneVersion, oneVersion] });
    for (const table of ['events', 'rollups', 'due']) t.same(await regionsOf(table), [[], [64], [128], [192]], table);
    t.same(await regionsOf('control'), [[]]);
  });

  await t.test('an expected empty value is that, and not a missing cell', async (t) => {
    await using tables = disposable(open());
    const put = { row: row(), cells: new Map([['m:a', bytes('1')] as const]) };
    const check = { column: 'm:a', expected: bytes('') } as const;
    t.equal(await tables.checkAndPut('control', check, put), false, 'nothing there');
    await tables.put('control', [{ ...put, cells: new Map([['m:a', bytes('')]]) }]);
    t.equal(await tables.checkAndPut('control', check, put), true, 'an empty value there');
    t.equal(await tables.checkAndPut('control', check, put), false, 'another value there');
  });

  await t.test('a group of large values is put and read in calls of a bounded size', async (t) => {
    await using tables = disposable(open());
    const value = randomBytes(2_000_000);
    const prefix = row();
    const rows = Array.from({ length: 30 }, (_, i) => Buffer.concat([prefix, Buffer.of(i)]));
    await tables.put(
      'control',
      rows.map((key) => ({ row: key, cells: new Map([['m:a', value]]) })),
    );
    const got = await tables.get('control', rows);
    t.ok(got.every((read) => value.equals(read!.cells.get('m:a')!)));
    const stop = Buffer.concat([prefix, Buffer.of(0xff)]);
    let seen = 0;
    for await (const read of tables.scan('control', { start: prefix, stop })) {
      if (value.equals(read.cells.get('m:a')!)) seen++;
    }
    t.equal(seen, rows.length);
  });

  await t.test('a value beyond what HBase takes is refused with its reason, and the next call goes on', async (t) => {
    await using tables = disposable(open());
    const put = (size: number) =>
      tables.put('control', [{ row: row(), cells: new Map([['m:a', Buffer.alloc(size)]]) }]);
    await t.rejects(put(11 * 1024 * 1024), { name: 'StoreUnavailable', message: /^putMultiple .*control at / });
    await t.resolves(put(10));
  });
}

function disposable<T extends { close(): Promise<void> }>(tables: T): T & AsyncDisposable {
  return Object.assign(tables, { [Symbol.asyncDispose]: () => tables.close() });
}
