import fc from 'fast-check';
import t from 'tap';
import { nextReadableRow } from '../../../../../agent/buffer/integrity/next-readable-row.ts';

t.test('the first id beyond a stretch is found, in either direction', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 48 }), fc.integer({ min: 1, max: 10_000 }), (first, length) => {
      const inside = (id: number): boolean => id >= first && id < first + length;
      t.equal(
        nextReadableRow(first, 1, (id) => !inside(id)),
        first + length,
      );
      t.equal(
        nextReadableRow(first + length - 1, -1, (id) => !inside(id)),
        first - 1,
      );
    }),
    { numRuns: 50 },
  );
});

t.test('a stretch without an end has none', async (t) => {
  t.equal(
    nextReadableRow(100, 1, () => false),
    null,
  );
  t.equal(
    nextReadableRow(100, -1, () => false),
    null,
  );
});
