import t from 'tap';
import { toColumns, toPut, toRow } from '../../../../../collector/store/hbase/row-mapping.ts';

const bytes = (text: string) => Buffer.from(text);

t.test("a put's column is split at its first colon, and its time is exact", async (t) => {
  const put = toPut({ row: bytes('r'), cells: new Map([['p:till:1', bytes('x')]]), time: 1_790_000_000_123 });
  t.same(put.columnValues, [{ family: bytes('p'), qualifier: bytes('till:1'), value: bytes('x') }]);
  t.equal(put.timestamp, 1_790_000_000_123n);
});

t.test('a put without a time leaves it to the store', async (t) => {
  t.notOk('timestamp' in toPut({ row: bytes('r'), cells: new Map([['m:a', bytes('x')]]) }));
});

t.test('every put asks for the disk', async (t) => {
  t.equal(toPut({ row: bytes('r'), cells: new Map() }).durability, 4);
});

t.test('a name within a family that is requested whole does not narrow it', async (t) => {
  t.same(toColumns(['p:t1', { family: 'p' }, 'm:one', { family: 'p' }]), [
    { family: bytes('p') },
    { family: bytes('m'), qualifier: bytes('one') },
  ]);
});

t.test("a row's time is its newest cell's", async (t) => {
  const cell = (qualifier: string, timestamp: bigint) => ({
    ...{ family: bytes('m'), qualifier: bytes(qualifier), value: bytes('x'), timestamp },
  });
  const row = toRow({ row: bytes('r'), columnValues: [cell('a', 7n), cell('b', 9n), cell('c', 8n)] });
  t.equal(row?.time, 9);
  t.same([...(row?.cells.keys() ?? [])], ['m:a', 'm:b', 'm:c']);
});

t.test('a row without cells is none', async (t) => {
  t.equal(toRow({ row: bytes('r'), columnValues: [] }), null);
  t.equal(toRow({ columnValues: [] }), null);
});
