import t from 'tap';
import Type from 'typebox';
import { ConfigValidator } from '../../../../shared/config/config-validator.ts';
import { file, integer, log, port, strictObject, withHint } from '../../../../shared/config/schema-builders.ts';

const names = withHint(Type.Array(Type.String({ pattern: '^[a-z]+$' }), { minItems: 1 }), 'give a list such as [a, b]');
const form = new ConfigValidator(
  Type.Object(
    {
      path: file('the database'),
      names: Type.Optional(names),
      count: Type.Optional(integer(0, 9)),
      kind: Type.Optional(withHint(Type.Union([Type.Literal('a'), Type.Literal('b')]), 'give a or b')),
      inner: Type.Optional(Type.Object({ port, untold: Type.Boolean() }, strictObject)),
      log: Type.Optional(log),
    },
    strictObject,
  ),
);
const faults = (input: unknown) => form.faults(input).map(({ pointer, detail }) => `${pointer} ${detail}`);

t.test('what fits has no faults', async (t) => {
  for (const input of [{ path: 'x' }, { path: 'x', names: ['a'], count: 9, kind: 'b', log: { level: 'silent' } }]) {
    t.ok(form.fits(input));
    t.same(faults(input), []);
  }
});

t.test('each fault is reported once, with its field and what to do', async (t) => {
  const cases: [input: unknown, fault: RegExp][] = [
    [{}, /^\/path is missing: give the path of the database$/],
    [{ path: '' }, /^\/path .+: give the path of the database$/],
    [{ path: 'x', paht: 'y' }, /^\/paht is not a known key; known here are path, names, count, kind, inner, log$/],
    [{ path: 'x', names: [] }, /^\/names .+: give a list such as \[a, b\]$/],
    [{ path: 'x', names: ['A'] }, /^\/names\/0 is not a valid value: give a list such as \[a, b\]$/],
    [{ path: 'x', count: 10 }, /^\/count must be <= 9: give a whole number from 0 to 9$/],
    [{ path: 'x', kind: 'c' }, /^\/kind is not a valid value: give a or b$/],
    [{ path: 'x', inner: { port: 1 } }, /^\/inner\/untold is missing$/],
    [{ path: 'x', inner: { port: 1, untold: 1 } }, /^\/inner\/untold must be boolean$/],
    [
      { path: 'x', inner: { port: 1, untold: true, more: 1 } },
      /^\/inner\/more is not a known key; known here are port/,
    ],
    [{ path: 'x', log: { level: 'loud' } }, /^\/log\/level is not a valid value: give one of fatal, error,/],
    [null, /^ must be object$/],
  ];
  for (const [input, fault] of cases) {
    t.notOk(form.fits(input));
    const found = faults(input);
    t.equal(found.length, 1, found.join(' | '));
    t.match(found[0], fault);
  }
});

t.test('all faults are reported at once, however many', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key${i}`, i]));
  t.equal(faults({ path: 'x', ...many }).length, 20);
});
