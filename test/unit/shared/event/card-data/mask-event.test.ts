import t from 'tap';
import { holdsCardData } from '../../../../../shared/event/card-data/card-data.ts';
import { maskEvent } from '../../../../../shared/event/card-data/mask-event.ts';
import { FLAG, type TillEvent } from '../../../../../shared/event/event.ts';
import { parseEvent } from '../../../../../shared/event/parse.ts';
import { parseExactJson } from '../../../../../shared/exact-json.ts';
import { grouped, TEST_CARD_NUMBERS } from '../../../../support/shared/card-numbers.ts';

const VISA = '4111111111111111';

function parsed(input: Record<string, unknown>): TillEvent {
  const result = parseEvent({ type: 'sale', ...input }, { now: Date.UTC(2026, 10, 22), store: null });
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.event;
}
const masked = (input: Record<string, unknown>) => {
  const result = maskEvent(parsed(input));
  if (result === null) throw new Error('nothing was found');
  return result;
};

/** Each place of an event that can hold a text, with the pointer to it once it is masked. */
const places: Record<string, (text: string) => [Record<string, unknown>, string]> = {
  'the ref': (text) => [{ ref: text }, '/ref'],
  'a dimension': (text) => [{ dims: { note: text } }, '/dims/note'],
  'a sku': (text) => [
    {
      items: [
        { sku: 'A', qty: 1, price: 1 },
        { sku: text, qty: 1, price: 1 },
      ],
    },
    '/items/1/sku',
  ],
  attrs: (text) => [{ attrs: text }, '/attrs'],
  'a value in attrs': (text) => [{ attrs: { pan: text } }, '/attrs/pan'],
  'an array in attrs': (text) => [{ attrs: { a: [1, { b: ['x', `card ${text}!`] }] } }, '/attrs/a/1/b/1'],
};

t.test('a masked line of a receipt keeps its quantity and its total', async (t) => {
  const line = { sku: '4111111111111111', qty: -1.5, amount: -100 };
  const { items } = maskEvent(parsed({ items: [line, { sku: 'A', qty: 0, price: -1 }] }))!.event;
  t.strictSame(items, [
    { sku: items[0]!.sku, qty: -1_500, price: null, amount: -100 },
    { sku: 'A', qty: 0, price: -1 },
  ]);
  t.match(items[0]!.sku, /^\*+1111$/);
});

t.test('every published test number is found in every place, in every form', async (t) => {
  for (const [place, put] of Object.entries(places)) {
    for (const number of TEST_CARD_NUMBERS) {
      for (const text of [
        number,
        grouped(number, ' '),
        grouped(number, '-'),
        grouped(number, '\u00a0'),
        [...number].join('\u200b'),
      ]) {
        const [input, pointer] = put(text);
        const { event, pointers } = masked(input);
        if (pointers[0] !== pointer) t.fail(`${place}: ${text} at ${pointers}`);
        if (JSON.stringify(event).includes(text)) t.fail(`${place}: ${text} is still there`);
        if (maskEvent(event) !== null) t.fail(`${place}: ${text} is found once masked`);
      }
    }
  }
  t.equal(TEST_CARD_NUMBERS.length, 121);
});

t.test('the event is flagged, and all else of it stays', async (t) => {
  const given = parsed({ amount: 5, currency: 'EUR', ref: VISA, dims: { a: 'b' }, attrs: { x: 1 } });
  const { event, pointers } = masked({ amount: 5, currency: 'EUR', ref: VISA, dims: { a: 'b' }, attrs: { x: 1 } });
  t.strictSame(event, { ...given, ref: '************1111', flags: given.flags | FLAG.masked });
  t.strictSame(pointers, ['/ref']);
});

t.test('an event without card data is left alone', async (t) => {
  const attrs = { at: '2026-11-22T09:30:00+05:30', ms: 1_763_800_000_004, third: 4 / 3, deep: [{ '': null }] };
  t.equal(
    maskEvent(parsed({ ref: 'R-1', dims: { a: 'x' }, items: [{ sku: '4006381333931', qty: 1, price: 1 }], attrs })),
    null,
  );
});

t.test('types, stores and keys stay what they must be', async (t) => {
  const { event, pointers } = masked({
    type: `sale.${VISA}`,
    dims: { store: VISA, [`c_${VISA}`]: 'v', b4111_1111_1111_1111: 'w' },
  });
  t.equal(event.type, 'sale.xxxxxxxxxxxx1111');
  t.equal(event.store, 'xxxxxxxxxxxx1111');
  t.strictSame(event.dims, ['bxxxx_xxxx_xxxx_1111', 'w', 'c_xxxxxxxxxxxx1111', 'v', 'store', 'xxxxxxxxxxxx1111']);
  t.strictSame(pointers, ['/type', '/dims/bxxxx_xxxx_xxxx_1111', '/dims/c_xxxxxxxxxxxx1111', '/dims/store']);
});

t.test('keys that are masked alike stay apart, and in order', async (t) => {
  const numbers = TEST_CARD_NUMBERS.filter((number) => number.endsWith('0000'));
  const { event } = masked({ dims: Object.fromEntries([...numbers.map((number) => [`c${number}`, 'x']), ['z', 'x']]) });
  const keys = event.dims.filter((_, at) => at % 2 === 0);
  t.equal(new Set(keys).size, numbers.length + 1);
  t.strictSame(keys, keys.toSorted());
  for (const key of keys) t.match(key, /^[a-z][a-z0-9_]{0,31}$/);
  const inAttrs = masked({ attrs: Object.fromEntries(numbers.map((number) => [number, 1])) });
  t.equal(Object.keys(JSON.parse(inAttrs.event.attrs!)).length, numbers.length);
});

t.test('a number among the keys of attrs is found, also beside __proto__', async (t) => {
  const attrs = JSON.parse(`{"__proto__":{"${VISA}":{"x":1}}}`) as unknown;
  const { event, pointers } = masked({ attrs });
  t.equal(event.attrs, '{"__proto__":{"************1111":{"x":1}}}');
  t.strictSame(pointers, ['/attrs/__proto__/************1111']);
});

t.test('a number as a number becomes a text that is no longer', async (t) => {
  t.equal(masked({ attrs: { pan: Number(VISA) } }).event.attrs, '{"pan":"**********1111"}');
  t.equal(
    masked({ attrs: [4.111111111111111e15, -4111111111111111, 4111111111111111.5] }).event.attrs!.match(/1111"/g)
      ?.length,
    3,
  );
  const full = Array.from({ length: 240 }, () => Number(VISA));
  t.ok(Buffer.byteLength(masked({ attrs: full }).event.attrs!) <= Buffer.byteLength(JSON.stringify(full)));
});

t.test('a bar code where bar codes are is none', async (t) => {
  /** An EAN-13 that passes Luhn, too, and starts as Visa’s numbers of old did. */
  const both = '4000000000006';
  t.equal(
    maskEvent(
      parsed({
        items: [{ sku: both, qty: 1, price: 1 }],
        dims: { ean: both },
        attrs: { gtin: [both], upc: Number(both) },
      }),
    ),
    null,
  );
  t.strictSame(masked({ ref: both, dims: { note: both } }).pointers, ['/ref', '/dims/note']);
  t.strictSame(
    masked({ items: [{ sku: '4222222222222', qty: 1, price: 1 }] }).pointers,
    ['/items/0/sku'],
    'its EAN check digit is wrong',
  );
});

t.test('no miss: every form of a number is masked in values and in keys', async (t) => {
  const betweens = [...",:|*+;'x\u00d7", ', ', ' '.repeat(5), ' '.repeat(16), '%20', '&nbsp;', '\\u00a0'];
  const forms = [
    ...betweens.flatMap((between) => [grouped(VISA, between), grouped('378282246310005', between)]),
    ...['4111,1111;1111 1111', '4111111111111111123', '411111111111111112/27', 'amount 004111111111111111100'],
    ...['%34371628095400858', '4111111111111111\u00b2', '+378282246310005', '%204111111111111111'],
  ];
  const isLeft = (json: string): boolean => holdsCardData(json) || /4111|3782/.test(json);
  for (const form of forms) {
    for (const [place, put] of Object.entries(places)) {
      const [input, pointer] = put(form);
      const { event, pointers } = masked(input);
      t.strictSame(pointers, [pointer], `${place}: ${form}`);
      if (isLeft(JSON.stringify(event.attrs ?? event))) t.fail(`${place}: ${form} is still there`);
    }
    const { event, pointers } = masked({ attrs: { [form]: 1 } });
    t.equal(pointers.length, 1, `a key of attrs: ${form}`);
    if (isLeft(event.attrs!)) t.fail(`a key of attrs: ${form} is still there`);
  }
  for (const key of ['b4111x1111x1111x1111', 'b4111x1111_1111_1111', 'b4111111111111111123'])
    t.match(masked({ dims: { [key]: 'v' } }).event.dims[0], /^b[x_]+1111(?:123)?$/, `a dimension: ${key}`);
});

t.test('a card number in a number of attrs is masked, however the number is spelled', async (t) => {
  for (const source of [
    '4111111111111111',
    '-4111111111111111',
    '4111111111111111.00',
    '4111111111111111.5',
    '4.111111111111111e15',
    '4.1111111111111110E+15',
    '0.4111111111111111e16',
    '41111111111111110000e-4',
    '4111111111111111e-3',
    '4111111111111111e-16',
    '4111111111111111e5',
    '4111111111111111e100',
    '4111111111111111e-400',
  ]) {
    const attrs = `{"a":[${source}],"b":1}`;
    const event = parseEvent(parseExactJson(`{"type":"sale","attrs":${attrs}}`), {
      now: Date.UTC(2026, 10, 22),
      store: null,
    });
    const found = event.ok ? maskEvent(event.event) : null;
    t.match(found?.pointers, ['/attrs/a/0'], source);
    t.match(found?.event.attrs, /^\{"a":\["\*+(?:1111|1110)?0*"\],"b":1\}$/, source);
    t.ok(found!.event.attrs!.length <= attrs.length, `${source} gets no longer`);
    const alone = parseEvent(parseExactJson(`{"type":"sale","attrs":${source}}`), { now: 1e12, store: null });
    t.match(alone.ok && maskEvent(alone.event)?.event.attrs, /^"\*+[0-9]*"$/, `${source} alone`);
  }
});

t.test('values of their own make no number together, nor do a number and its fraction', async (t) => {
  for (const attrs of [
    { a: ['4111', '1111', '1111', '1111'] },
    { a: [4111, 1111, 1111, 1111] },
    { a: [...VISA] },
    { a: ['41111111', '11111111'] },
    { first: '41111111', second: '11111111' },
    { price: 41111111.11111111 },
  ])
    t.equal(maskEvent(parsed({ attrs })), null, JSON.stringify(attrs));
  t.equal(maskEvent(parsed({ dims: { first: '41111111', second: '11111111' } })), null);
  t.ok(maskEvent(parsed({ attrs: { a: '["4111","1111","1111","1111"]' } })), 'but in one text they do');
});
