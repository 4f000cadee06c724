/** Golden bytes of a row of `history`, and of what the row that replaced it says: store-keys.md. */
import { Buffer } from 'node:buffer';
import t from 'tap';
import { History } from '../../../../collector/store/history/history.ts';
import type { FiguresChange, RollupMeta } from '../../../../collector/store/rollups/rollup.ts';
import { Rollups } from '../../../../collector/store/rollups/rollups.ts';
import type { Put, TableName, Tables } from '../../../../collector/store/tables.ts';
import { merchantId, terminalId } from '../../../../shared/ids.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): string => (0xa0 + value.length).toString(16) + Buffer.from(value).toString('hex');
const squeezed = (golden: string): string => golden.replaceAll(/\s/g, '');

const TERMINAL = terminalId('till-1');
const KEY = { merchant: merchantId('acme'), level: 'hour', logic: 1, time: 498_705 } as const;
const ROW = 'c661636d650000000100079c11';
const META: RollupMeta = {
  ...{ readAt: 1, publishedAt: 2, rows: 3, digest: '0123456789abcdef', earliestArrival: 4 },
  ...{ events: 5, conflicts: 0, lost: 0, overflow: 0, allReadAt: 6 },
};
const META_PACKED = `${text('readAt')} 01 ${text('publishedAt')} 02 ${text('rows')} 03
  ${text('digest')} ${text(META.digest)} ${text('earliestArrival')} 04 ${text('events')} 05 ${text('conflicts')} 00
  ${text('lost')} 00 ${text('overflow')} 00 ${text('allReadAt')} 06`;

async function written(write: (tables: Tables) => Promise<unknown>): Promise<unknown> {
  const seen: unknown[] = [];
  const add = (table: TableName, { row, cells }: Put): void => {
    const of = Object.fromEntries([...cells].map(([column, value]) => [column, hex(value)]));
    seen.push({ table, row: hex(row), cells: of });
  };
  const tables: Pick<Tables, 'put' | 'checkAndPut'> = {
    async put(table, puts) {
      for (const put of puts) add(table, put);
    },
    async checkAndPut(table, _check, put) {
      add(table, put);
      return true;
    },
  };
  await write(tables as Tables);
  return seen;
}

t.test('history: the cells of the row that was replaced, of the terminals those that were', async (t) => {
  const row = {
    ...{ ...KEY, revision: 7, meta: META },
    ...{ parts: new Map([[TERMINAL, Uint8Array.of(1)]]), views: new Map([['total', Uint8Array.of(2)]]) },
  };
  t.strictSame(await written((tables) => new History(tables).keep(row)), [
    {
      table: 'history',
      row: `${ROW}00000007`,
      cells: { 'm:revision': '00000007', 'm:meta': squeezed(`8a ${META_PACKED}`), 'p:till-1': '01', 'v:total': '02' },
    },
  ]);
  t.strictSame(await written((tables) => new History(tables).keepNone(KEY, 0)), [
    { table: 'history', row: `${ROW}00000000`, cells: { 'm:none': '01' } },
  ]);
  t.strictSame(await written((tables) => new History(tables).setFinal(KEY, 7)), [
    { table: 'history', row: `${ROW}00000007`, cells: { 'm:final': '01' } },
  ]);
});

t.test('rollups: since when its figures are as they are, and what they changed', async (t) => {
  const change: FiguresChange = {
    ...{ reason: 'late', wasFinal: true, added: [TERMINAL] },
    changes: { 'sales.count': [3, 4], 'sales.amount.GBP': [null, '9007199254740993'] },
  };
  const meta = { ...META, since: 2, change };
  const next = { meta, parts: new Map(), views: new Map() };
  t.strictSame(await written((tables) => new Rollups(tables).publish(KEY, 7, next)), [
    {
      table: 'rollups',
      row: ROW,
      cells: {
        'm:revision': '00000008',
        'm:meta': squeezed(`8c ${META_PACKED} ${text('since')} 02 ${text('change')} 84
          ${text('reason')} ${text('late')} ${text('wasFinal')} c3 ${text('added')} 91 ${text('till-1')}
          ${text('changes')} 82 ${text('sales.count')} 92 03 04
          ${text('sales.amount.GBP')} 92 c0 ${text('9007199254740993')}`),
      },
    },
  ]);
});
