import fc from 'fast-check';
import t from 'tap';
import { locateSyntaxFault } from '../../../../../agent/ingest/body/json-syntax-error.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

t.test('a fault is found exactly where JSON.parse finds one', async (t) => {
  const spoilt = fc
    .tuple(
      fc.json({ maxDepth: 4 }),
      fc.nat(),
      fc.constantFrom('', '"', '}', ']', '{', '[', ',', ':', '\\', '0', '-', 'e', 'n', '\n', '\u0001', 'é'),
    )
    .map(
      ([text, at, insert]) =>
        text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + (at % 2)),
    );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.string({ maxLength: 30 })), (text) => {
        if (isJson(text) !== (locateSyntaxFault(text) === null))
          throw new Error(`${JSON.stringify(text)}: ${JSON.stringify(locateSyntaxFault(text))}`);
      }),
      { numRuns: 2_000 },
    ),
  );
});

t.test('the place and what should stand there are told', async (t) => {
  const cases: [string, number, number, string][] = [
    ['', 1, 1, 'a value'],
    ['{"a": x}', 1, 7, 'a value'],
    ['{"a": 1,}', 1, 9, 'a key'],
    ['{a: 1}', 1, 2, 'a key or "}"'],
    ['{"a" 1}', 1, 6, '":"'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, '"," or "}"'],
    ['[1 2]', 1, 4, '"," or "]"'],
    ['[', 1, 2, 'a value or "]"'],
    ['{} {}', 1, 4, 'the end'],
    ['"abc', 1, 5, 'the rest of a text in quotes'],
    ['"a\nb"', 1, 3, 'the rest of a text in quotes'],
    ['[1, 02]', 1, 6, '"," or "]"'],
    ["{'a': 1}", 1, 2, 'a key or "}"'],
    ['[1}', 1, 3, '"," or "]"'],
  ];
  for (const [text, line, column, expected] of cases) {
    const before = text.split('\n').slice(0, line - 1);
    const offset = before.reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
    t.same(locateSyntaxFault(text), { line, column, offset, expected }, text);
  }
});

t.test('a long text is no trouble', async (t) => {
  t.match(locateSyntaxFault(`"${'x'.repeat(4_000_000)}`), { line: 1, column: 4_000_002 });
  t.match(locateSyntaxFault('[1,'.repeat(100_000)), { expected: 'a value' });
});
