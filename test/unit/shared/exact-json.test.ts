import fc from 'fast-check';
import t from 'tap';
import { decimalOf, isRawNumber, mayChange, parseExactJson, scaled } from '../../../shared/exact-json.ts';
import { holds } from '../../support/shared/property.ts';

t.test('numbers come back as they were written', async (t) => {
  for (const source of [
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '1.50',
    '1.0',
    '1E5',
    '1e+5',
    '-0',
    '-0.0',
    '1e400',
    '1e-400',
    '0.1234567890123456789',
    '0.30000000000000004',
    '0.0000001',
    '123456789012345.123456',
    '1234567890.12',
  ]) {
    for (const text of [source, `{"a":${source}}`, `[${source},1]`, `{"a": {"b":[1, ${source}]}}`])
      t.equal(JSON.stringify(parseExactJson(text)), text.replaceAll(' ', ''), text);
  }
});

t.test('numbers that a double holds are doubles, also where a text looks like another', async (t) => {
  t.strictSame(parseExactJson('{"a":[0,1.5,-12,0.25],"b":"at 1e400, 12.50"}'), {
    a: [0, 1.5, -12, 0.25],
    b: 'at 1e400, 12.50',
  });
});

t.test('what stands in texts does not make the parsing slow', async (t) => {
  const sale = { ts: '2026-11-22T09:30:00.000Z', amount: 1250, ref: 'a"b, 1.50, 1e5', attrs: { '0.10': ['-0', 0.25] } };
  t.notOk(mayChange(JSON.stringify(sale)));
  t.notOk(mayChange('[999999999999999,-1.5,123456.654321]'));
  t.ok(mayChange('{"a":"\\"","b":1.50}'));
});

holds(
  t,
  'any number of any spelling comes back',
  fc.property(
    fc.tuple(
      fc.constantFrom('', '-'),
      fc.nat(),
      fc.option(fc.bigInt(0n, 10n ** 25n)),
      fc.option(fc.integer({ min: -400, max: 400 })),
    ),
    ([sign, whole, fraction, exponent]) => {
      const source = `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`;
      return JSON.stringify(parseExactJson(`{"a":${source}}`)) === `{"a":${source}}`;
    },
  ),
  { numRuns: 2_000 },
);

t.test('a number is scaled as it is written, or not at all', async (t) => {
  const of = (source: string, decimals = 0) => scaled({ rawJSON: source }, decimals);
  t.equal(of('100'), 100);
  t.equal(of('1e2'), 100);
  t.equal(of('100.00'), 100);
  t.equal(of('-0'), 0);
  t.equal(of('0e999'), 0);
  t.equal(of('12345e-3', 3), 12_345);
  t.equal(of('0.001', 3), 1);
  t.equal(of('1.50', 3), 1_500);
  t.equal(of('9007199254740991'), Number.MAX_SAFE_INTEGER);
  for (const source of [
    '0.5',
    '99.99999999999999999999',
    '9007199254740993',
    '1e400',
    '1e-400',
    '1e99999999999999999999',
  ])
    t.equal(of(source), null, source);
  for (const source of ['0.0005', '1.00000000000000000001']) t.equal(of(source, 3), null, source);
  t.equal(scaled(0.125, 3), 125);
});

t.test('a decimal has no zeros at its ends', async (t) => {
  t.strictSame(decimalOf({ rawJSON: '-120.3400e5' }), {
    isNegative: true,
    digits: '12034',
    exponent: 3,
  });
  t.strictSame(decimalOf(0), { isNegative: false, digits: '', exponent: 0 });
  t.ok(isRawNumber((parseExactJson('[1.0]') as unknown[])[0]));
});
