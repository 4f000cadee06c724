import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { MAX_DEPTH, scanJson } from '../../../../../agent/ingest/body/json-scanner.ts';

/** Elements as their texts; another end as it is. */
const scanned = (text: string) =>
  [...scanJson(Buffer.from(text))].map((found) =>
    found.kind === 'element' ? [found.index, Buffer.from(text).toString('utf8', found.start, found.end)] : found,
  );

t.test('the elements of an array are found, whatever they hold', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 5 }), { maxLength: 8 }), (values) => {
        const texts = values.map((value) => JSON.stringify(value));
        const found = JSON.stringify(scanned(` [${texts.join(',')}]\n`));
        const expected = JSON.stringify(texts.map((text, index) => [index, text]));
        if (found !== expected) throw new Error(`${found} is not ${expected}`);
      }),
    ),
  );
});

t.test('brackets, commas and escaped quotes within texts do not count', async (t) => {
  t.same(scanned(String.raw`["a,[{\"],", "\\", {"k]": ","}]`), [
    [0, String.raw`"a,[{\"],"`],
    [1, String.raw` "\\"`],
    [2, ' {"k]": ","}'],
  ]);
});

t.test('a body that is no array is one element', async (t) => {
  t.same(scanned('{"a":[1,2]}'), [[null, '{"a":[1,2]}']]);
  t.same(scanned('1,[2]'), [[null, '1,[2]']]);
  t.same(scanned(''), [[null, '']]);
});

t.test('what does not end as an array is broken', async (t) => {
  for (const body of ['[1', '[1}', '[1]2', '[[1]', '["]']) t.same(scanned(body).at(-1), { kind: 'broken' }, body);
});

t.test('depth is bounded, and the element named', async (t) => {
  const deep = '['.repeat(MAX_DEPTH);
  t.match(scanned(`{"a":${'['.repeat(MAX_DEPTH - 1)}`), [[null, /./]]);
  t.same(scanned(`{"a":${deep}`), [{ kind: 'too-deep', index: null }]);
  t.same(scanned(`[1,${'{"a":'.repeat(MAX_DEPTH)}`).at(-1), { kind: 'too-deep', index: 1 });
});

t.test('any bytes are scanned without a throw', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void [...scanJson(bytes)])));
});
