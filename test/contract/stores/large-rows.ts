/** Rows of merchants with thousands of tills: published and kept in calls of bounded size. */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { History } from '../../../collector/store/history/history.ts';
import { type RollupMeta, UNREADABLE_META } from '../../../collector/store/rollups/rollup.ts';
import { Rollups } from '../../../collector/store/rollups/rollups.ts';
import type { Put, Tables } from '../../../collector/store/tables.ts';
import type { TerminalId } from '../../../shared/ids.ts';
import { freshMerchant } from '../../support/region/fresh.ts';

const MIB = 1024 * 1024;
const TILLS = 3_000;
const PART_BYTES = 2_000;

const bytesOf = ({ cells }: Put): number =>
  [...cells].reduce((sum, [name, { length }]) => sum + name.length + length, 0);
const cellsOf = (count: number): Map<TerminalId, Uint8Array> =>
  new Map(
    Array.from({ length: count }, (_, i) => [
      `till-${String(i).padStart(4, '0')}` as TerminalId,
      randomBytes(PART_BYTES),
    ]),
  );

/** The store, with the size of each write; `fails` ends the process, as it were, before a write. */
function watched(tables: Tables, fails: (write: number) => boolean = () => false) {
  const writes: number[] = [];
  const write = (puts: readonly Put[]): void => {
    if (fails(writes.length)) throw new Error('killed');
    writes.push(puts.reduce((sum, put) => sum + bytesOf(put), 0));
  };
  const of: Pick<Tables, 'put' | 'checkAndPut' | 'get' | 'scan'> = {
    get: (...args) => tables.get(...args),
    scan: (...args) => tables.scan(...args),
    async put(table, puts) {
      write(puts);
      await tables.put(table, puts);
    },
    async checkAndPut(table, check, put) {
      write([put]);
      return tables.checkAndPut(table, check, put);
    },
  };
  return { tables: of as Tables, writes };
}

export async function largeRowsContract(t: Test, tables: Tables): Promise<void> {
  const parts = cellsOf(TILLS);
  const views = new Map([['total', randomBytes(900_000)]]);
  const meta = (events: number): RollupMeta => ({ ...UNREADABLE_META, publishedAt: Date.now(), events });
  const keyOf = () => ({ merchant: freshMerchant(), level: 'hour' as const, logic: 1, time: 489_000 });
  const [all, whole] = [{ kind: 'all' } as const, { meta: meta(1), parts, views }];

  await t.test('a row of thousands of tills is published in calls of at most 2 MiB', async (t) => {
    const key = keyOf();
    const { tables: counted, writes } = watched(tables);
    t.equal(await new Rollups(counted).publish(key, null, whole), true);
    t.ok(writes.length > 5, `${writes.length} calls`);
    t.ok(Math.max(...writes) <= 2 * MIB, `${Math.max(...writes)} bytes`);
    const row = await new Rollups(tables).read(key, all);
    t.match(row, { revision: 1, meta: { events: 1 } });
    t.equal(row!.parts.size, TILLS);
    t.ok([...parts].every(([terminal, cell]) => Buffer.compare(cell, row!.parts.get(terminal)!) === 0));
    t.equal(row!.views.size, 1);
  });

  await t.test(
    'a first publication that is killed shows nothing, at whatever call; the next one is whole',
    async (t) => {
      const key = keyOf();
      const [hours, next] = [{ ...key, time: key.time + 1 }, new Rollups(tables)];
      await next.publish(hours, null, { ...whole, parts: cellsOf(1) });
      for (const at of [0, 1, 5]) {
        const { tables: killed } = watched(tables, (write) => write === at);
        await t.rejects(new Rollups(killed).publish(key, null, whole), { message: 'killed' });
        t.equal(await next.read(key, all), null);
        const scan = (limit?: number) =>
          Array.fromAsync(next.scan(key.merchant, 'hour', 1, key.time, key.time + 2, all, limit));
        t.same(
          (await scan()).map(({ time }) => time),
          [hours.time],
          'other rows are found',
        );
        t.same(
          (await scan(1)).map(({ time }) => time),
          [hours.time],
          'and by the first one',
        );
      }
      t.equal(await next.publish(key, null, whole), true);
      t.equal((await next.read(key))?.parts.size, TILLS);
    },
  );

  await t.test('a later one that is killed leaves revision, meta and views as they were', async (t) => {
    const key = keyOf();
    const next = new Rollups(tables);
    await next.publish(key, null, { ...whole, parts: cellsOf(3) });
    const { tables: killed } = watched(tables, (write) => write === 3);
    const later = { meta: meta(2), parts, views: new Map([['total', randomBytes(5)]]) };
    await t.rejects(new Rollups(killed).publish(key, 1, later), { message: 'killed' });
    const row = await next.read(key, all);
    t.match(row, { revision: 1, meta: { events: 1 } });
    t.equal(row!.views.get('total')!.length, 900_000);
    t.equal(await next.publish(key, 1, later), true);
    t.match(await next.read(key, all), { revision: 2, meta: { events: 2 } });
  });

  await t.test('a run that was overtaken writes nothing more', async (t) => {
    const key = keyOf();
    const next = new Rollups(tables);
    const [first] = parts.keys();
    const newer = new Map([[first!, Buffer.from('newer')]]);
    await next.publish(key, null, { ...whole, parts: newer });
    const { tables: counted, writes } = watched(tables);
    t.equal(await new Rollups(counted).publish(key, null, whole), false);
    t.equal(writes.length, 1);
    const row = await next.read(key);
    t.same(
      [...row!.parts].map(([terminal, cell]) => [terminal, Buffer.from(cell).toString()]),
      [[first, 'newer']],
    );
  });

  await t.test('a row is kept in pieces, and is there once it is whole', async (t) => {
    const row = { ...keyOf(), revision: 1, ...whole };
    const kept = () => Array.fromAsync(new History(tables).scan(row.merchant, 'hour', 1, row.time, row.time + 1, all));
    const { tables: killed, writes } = watched(tables, (write) => write === 5);
    await t.rejects(new History(killed).keep(row), { message: 'killed' });
    t.same(await kept(), []);
    await new History(tables).keep(row);
    const [found, ...others] = await kept();
    t.same(others, []);
    t.match(found, { revision: 1, row: { meta: { events: 1 } } });
    t.equal(found!.row!.parts.size, TILLS);
    t.ok(Math.max(...writes) <= 2 * MIB);
  });
}
