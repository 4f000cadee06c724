import fc from 'fast-check';
import t from 'tap';
import { chunks } from '../../../../collector/store/chunks.ts';

const sizes = fc.array(fc.nat(100), { maxLength: 60 });
const most = fc.record({ bytes: fc.integer({ min: 1, max: 150 }), items: fc.integer({ min: 1, max: 9 }) });
const cut = (items: readonly number[], bounds: { bytes: number; items: number }) => [
  ...chunks(items, (size) => size, bounds),
];

t.test('groups hold every item once, in order', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(fc.property(sizes, most, (items, bounds) => String(cut(items, bounds).flat()) === String(items))),
  );
});

t.test('no group is empty, too long, or too heavy unless a single item is', async (t) => {
  const within = (group: readonly number[], bounds: { bytes: number; items: number }) =>
    group.length === 1 || (group.length <= bounds.items && group.reduce((sum, size) => sum + size, 0) <= bounds.bytes);
  const property = fc.property(sizes, most, (items, bounds) =>
    cut(items, bounds).every((group) => group.length > 0 && within(group, bounds)),
  );
  t.doesNotThrow(() => fc.assert(property));
});

t.test('items that fit one group are not cut', async (t) => {
  t.same(cut([40, 60], { bytes: 100, items: 2 }), [[40, 60]]);
  t.same(cut([40, 61], { bytes: 100, items: 2 }), [[40], [61]]);
  t.same(cut([500, 1], { bytes: 100, items: 2 }), [[500], [1]]);
});
