import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { MAX_DEPTH, scan } from '../../../../agent/ingest/scan.ts';

const scanned = (text: string, large = 1) => scan(Buffer.from(text), large);

t.test('the elements of an array are found with the sizes of their texts, whatever they hold', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 5 }), { minLength: 1, maxLength: 8 }), (values) => {
        const texts = values.map((value) => JSON.stringify(value));
        const found = scanned(`[${texts.join(',')}]`);
        if (found.kind !== 'scanned') throw new Error(found.kind);
        const expected = texts.map((text, index) => ({ index, bytes: Buffer.byteLength(text) }));
        if (JSON.stringify(found.large) !== JSON.stringify(expected))
          throw new Error(`${JSON.stringify(found.large)} is not ${JSON.stringify(expected)}`);
      }),
    ),
  );
});

t.test('brackets, commas and escaped quotes within texts do not count', async (t) => {
  t.same(scanned(String.raw`["a,[{\"],", "\\", {"k]": ","}]`), {
    kind: 'scanned',
    large: [
      { index: 0, bytes: 10 },
      { index: 1, bytes: 5 },
      { index: 2, bytes: 12 },
    ],
  });
});

t.test('only large elements are told', async (t) => {
  t.same(scanned(`[1,"${'x'.repeat(50)}",2]`, 20), { kind: 'scanned', large: [{ index: 1, bytes: 52 }] });
});

t.test('a body that is no array is one element', async (t) => {
  t.same(scanned('{"a":[1,2]}', 5), { kind: 'scanned', large: [{ index: null, bytes: 11 }] });
});

t.test('depth is bounded, and the element named', async (t) => {
  const deep = '['.repeat(MAX_DEPTH);
  t.match(scanned(`{"a":${'['.repeat(MAX_DEPTH - 1)}`), { kind: 'scanned' });
  t.same(scanned(`{"a":${deep}`), { kind: 'too-deep', index: null });
  t.same(scanned(`[1,${'{"a":'.repeat(MAX_DEPTH)}`), { kind: 'too-deep', index: 1 });
});

t.test('any bytes are scanned without a throw', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void scan(bytes, 3))));
});
