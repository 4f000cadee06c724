import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { packKeys, packRows, unpackRows } from '../../../../../collector/store/sqlite/packed-rows.ts';
import type { Column, Put } from '../../../../../collector/store/tables.ts';
import { holds } from '../../../../support/shared/property.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const column = fc.oneof(
  fc.constantFrom('b:batch', 'm:'),
  fc.string({ unit: 'grapheme' }).map((name) => `p:${name}`),
);
const cells = fc.array(fc.tuple(column as fc.Arbitrary<Column>, bytes), { maxLength: 5 });
const row: fc.Arbitrary<Put | null> = fc.option(
  fc
    .tuple(bytes, cells, fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER })))
    .map(([key, of, time]) => ({ row: key, cells: new Map(of), ...(time !== null && { time }) })),
);

const plain = (rows: readonly (Put | null)[]) =>
  rows.map((put) => put && { ...put, row: [...put.row], cells: [...put.cells].map(([name, of]) => [name, [...of]]) });

const rows = fc.array(row, { maxLength: 8 });
const comesOutAsItWas = fc.property(rows, (some) => isDeepStrictEqual(plain(unpackRows(packRows(some))), plain(some)));
holds(t, 'what was packed comes out as it was', comesOutAsItWas);

t.test('also after its memory has moved to another thread', async (t) => {
  const keys = ['a', '', 'longer'].map((key) => Buffer.from(key));
  const packed = packKeys(keys);
  const moved = structuredClone(packed, { transfer: [packed.bytes.buffer] });
  t.equal(packed.bytes.length, 0);
  t.same(
    unpackRows(moved).map((put) => `${put?.row}`),
    ['a', '', 'longer'],
  );
});
