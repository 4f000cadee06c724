import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  type BodyContext,
  type Format,
  MAX_EVENTS,
  parseEventsBody,
} from '../../../../../agent/ingest/body/events-body.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { FLAG } from '../../../../../shared/event/event.ts';
import { storeId } from '../../../../../shared/ids.ts';
import { NOW, sale } from '../../../../support/agent/events.ts';

const context: BodyContext = { now: NOW, store: storeId('main'), cardData: 'mask' };
const parse = (body: unknown, format: Format = 'json') =>
  runToEnd(
    parseEventsBody(
      Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      format,
      context,
    ),
  );
const refs = (body: unknown, format: Format = 'json') => {
  const parsed = parse(body, format);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed));
  return parsed.events.map(({ ref }) => ref);
};
const lines = (...values: unknown[]) =>
  values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('\n');

t.test('an object, an array and lines of JSON are events', async (t) => {
  t.same(refs(sale('a')), ['a']);
  t.same(refs([sale('a'), sale('b')]), ['a', 'b']);
  t.same(refs(`${lines(sale('a'), sale('b'))}\n`, 'ndjson'), ['a', 'b']);
  t.same(refs(lines(sale('a'), '', ' \r', sale('b')).replaceAll('\n', '\r\n'), 'ndjson'), ['a', 'b']);
});

t.test('the time of acceptance and the configured store are stamped where the till gave none', async (t) => {
  t.match(parse(sale('a')), { events: [{ ts: NOW, flags: FLAG.tsDefaulted, store: 'main' }] });
  t.match(parse(sale('a', { ts: 1_700_000_000_000, dims: { store: 'x' } })), {
    events: [{ ts: 1_700_000_000_000, flags: 0, store: 'x' }],
  });
});

t.test('a byte order mark is fine', async (t) => {
  t.same(refs(`\ufeff${JSON.stringify(sale('a'))}`), ['a']);
  t.same(refs(`\ufeff${lines(sale('a'), sale('b'))}`, 'ndjson'), ['a', 'b']);
});

t.test('what is not UTF-8 is refused', async (t) => {
  t.match(parse(Buffer.concat([Buffer.from('{"type":"sale","ref":"'), Buffer.from([0xff]), Buffer.from('"}')])), {
    ok: false,
    status: 400,
    detail: /UTF-8/,
  });
});

t.test(
  'an error points to its field, with the index in an array, none for an object, the line in NDJSON',
  async (t) => {
    const bad = sale('x', { items: [{ sku: 'A', qty: 0.0001, price: 1 }] });
    t.match(parse(bad), { ok: false, status: 400, errors: [{ pointer: '/items/0/qty' }] });
    t.match(parse([sale('a'), sale('b'), bad]), { ok: false, errors: [{ pointer: '/2/items/0/qty' }] });
    t.match(parse(lines(sale('a'), '', bad), 'ndjson'), { ok: false, errors: [{ pointer: '/2/items/0/qty' }] });
    t.match(parse([sale('a'), 7, null]), {
      errors: [
        { pointer: '/1', detail: /object/ },
        { pointer: '/2', detail: /object/ },
      ],
    });
    t.match(parse('7'), { errors: [{ pointer: '', detail: /object/ }] });
  },
);

t.test('the errors of all events are told, up to a hundred', async (t) => {
  const parsed = parse(Array.from({ length: 500 }, () => ({ type: 'Sale', qty: 1 })));
  t.match(parsed, { ok: false, errors: { length: 100 } });
});

t.test('a syntax error tells line and column', async (t) => {
  t.match(parse('[\n  {"type":"sale"},\n  {"type" "sale"}\n]'), { status: 400, detail: /line 3, column 11/ });
  t.match(parse(lines(sale('a'), '{"type":'), 'ndjson'), {
    status: 400,
    detail: /line 2, column 9/,
    errors: [{ pointer: '/1' }],
  });
});

t.test('nothing is not an event', async (t) => {
  for (const [body, format] of [
    ['', 'json'],
    ['   ', 'json'],
    ['[]', 'json'],
    ['', 'ndjson'],
    ['\n\n', 'ndjson'],
  ] as const) {
    t.match(parse(body, format), { ok: false, status: 400 }, JSON.stringify(body));
  }
});

t.test('a bomb of brackets is refused before it is parsed', async (t) => {
  const bomb = '['.repeat(1_000_000);
  t.match(parse(bomb), { status: 400, detail: /nested/ });
  t.match(parse(`[${JSON.stringify(sale('a'))},{"type":"a","attrs":${bomb}`), {
    status: 400,
    errors: [{ pointer: '/1' }],
  });
  t.match(parse(lines(sale('a'), `{"attrs":${bomb}`), 'ndjson'), { status: 400, errors: [{ pointer: '/1' }] });
});

t.test('an event of more than 256 KiB of JSON is too large, and named', async (t) => {
  const long = sale('x', { items: Array.from({ length: 2_000 }, () => ({ sku: 'é'.repeat(60), qty: 1, price: 1 })) });
  t.ok(Buffer.byteLength(JSON.stringify(long)) > 256 * 1024);
  t.match(parse(long), { status: 413, errors: [{ pointer: '', detail: /262144/ }] });
  t.match(parse([sale('a'), long]), { status: 413, errors: [{ pointer: '/1' }] });
  t.match(parse(lines(sale('a'), sale('b'), long), 'ndjson'), { status: 413, errors: [{ pointer: '/2' }] });
});

t.test('an event that does not fit into a batch of its own is too large, one that packs well is not', async (t) => {
  const items = (sku: () => string) => Array.from({ length: 1_600 }, () => ({ sku: sku(), qty: 1, price: 1 }));
  // Letters of two bytes each in UTF-8, at random: eleven bits that nothing packs.
  const noise = sale('x', {
    items: items(() => String.fromCharCode(...[...randomBytes(64)].map((byte, at) => 0x100 + byte * 6 + (at % 6)))),
  });
  const plain = sale('y', { items: items(() => 'A'.repeat(64)) });
  for (const event of [noise, plain])
    t.ok(
      Buffer.byteLength(JSON.stringify(event)) > 100 * 1024 && Buffer.byteLength(JSON.stringify(event)) < 256 * 1024,
    );
  t.match(parse([plain, noise]), { status: 413, errors: [{ pointer: '/1', detail: /131072/ }] });
  t.match(parse(noise), { status: 413, errors: [{ pointer: '' }] });
  t.match(parse(lines(plain, noise), 'ndjson'), { status: 413, errors: [{ pointer: '/1' }] });
  t.match(parse([plain, plain]), { ok: true });
});

t.test('card data', async (t) => {
  const CARD = '4111111111111111';
  const refusing = (body: unknown, format: Format = 'json') =>
    runToEnd(
      parseEventsBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), format, {
        ...context,
        cardData: 'refuse',
      }),
    );

  t.test('is masked, and counted by events', async (t) => {
    const parsed = parse([sale('a', { attrs: { a: CARD, b: CARD } }), sale('b'), sale(CARD)]);
    t.match(parsed, { ok: true, masked: 2 });
    t.notMatch(JSON.stringify(parsed), CARD);
    t.match(parsed, { events: [{ flags: FLAG.masked | FLAG.tsDefaulted }, { ref: 'b' }, { ref: '************1111' }] });
  });

  t.test('is refused where that is configured, with a pointer to each place', async (t) => {
    const parsed = refusing([sale('a'), sale(CARD, { dims: { [`c${CARD}`]: 'x' }, attrs: [{ pan: Number(CARD) }] })]);
    t.match(parsed, {
      ok: false,
      status: 400,
      errors: [{ pointer: '/1/ref' }, { pointer: '/1/dims/cxxxxxxxxxxxx1111' }, { pointer: '/1/attrs/0/pan' }],
    });
    t.notMatch(JSON.stringify(parsed), CARD);
    t.match(refusing(lines(sale('a'), '', sale(CARD)), 'ndjson'), { errors: [{ pointer: '/2/ref' }] });
    t.match(refusing(sale('a')), { ok: true });
  });

  t.test('is found in numbers that are too large to be exact, as they were written', async (t) => {
    for (const written of [
      '6205500000000000004',
      '6.205500000000000004e18',
      '62055000000000000040e-1',
      '6205500000000000004.0',
    ]) {
      const parsed = parse(`{"type":"sale","attrs":{"pan":${written}}}`);
      t.match(parsed, { events: [{ attrs: '{"pan":"*************0004"}' }] }, written);
    }
    t.match(parse('{"type":"sale","attrs":[12345678901234567890]}'), {
      masked: 0,
      events: [{ attrs: '[12345678901234567890]' }],
    });
  });
});

t.test(
  'an error ends the work: a body of millions of wrong events takes no longer than one of a hundred',
  async (t) => {
    for (const [body, format] of [
      ['1\n'.repeat(4 << 20), 'ndjson'],
      [`[${'{},'.repeat(2 << 20)}{}]`, 'json'],
      [`[${'1,'.repeat(3 << 20)}4111111111111111111]`, 'json'],
    ] as const) {
      const steps = parseEventsBody(Buffer.from(body), format, context);
      let count = 0;
      let step = steps.next();
      for (; !step.done; step = steps.next()) count++;
      t.match(step.value, { ok: false, status: 400, errors: { length: 100 } });
      t.ok(count <= 100, `after ${count} events`);
    }
  },
);

t.test('what follows an array, or ends it too early, is a syntax error', async (t) => {
  for (const body of [
    '[{"type":"a"}] 7',
    '[{"type":"a"}',
    '[{"type":"a"}}',
    '[{"type":"a"},]',
    '[,{"type":"a"}]',
    '[,]',
  ])
    t.match(parse(body), { ok: false, status: 400, detail: /not JSON: expected/ }, body);
  t.match(parse(' \n[ {"type":"a"} ,\t{"type":"b"} ]\r\n'), { ok: true, events: [{ type: 'a' }, { type: 'b' }] });
});

t.test('a body is JSON here where it is for JSON.parse', async (t) => {
  const parsesAs = (text: string): number | null => {
    try {
      const value: unknown = JSON.parse(text);
      return Array.isArray(value) ? value.length : 1;
    } catch {
      return null;
    }
  };
  const text = fc.string({
    unit: fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '\\', '1', ' ', '"a"', '{}', '[1]'),
  });
  const agrees = (body: string): boolean => {
    const parsed = parse(body);
    const syntax = !parsed.ok && /is not JSON/.test(parsed.detail);
    const count = parsesAs(body);
    // A wrong event in front of the place is told first.
    return count === null ? syntax || (!parsed.ok && parsed.errors.length >= 100) : !syntax;
  };
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.json(),
          fc.array(fc.json()).map((parts) => `[${parts.join(',')}]`),
        ),
        agrees,
      ),
      { numRuns: 2_000 },
    ),
  );
});

t.test('more events than an agent of a small machine can hold are refused, whatever their size', async (t) => {
  const events = (count: number) => `[${'{"type":"a"},'.repeat(count - 1)}{"type":"a"}]`;
  const most = parse(events(MAX_EVENTS));
  t.equal(most.ok && most.events.length, MAX_EVENTS);
  t.match(parse(events(MAX_EVENTS + 1)), { ok: false, status: 413, detail: /200000 events/ });
});

t.test('a wrong key that is longer than any name is not told', async (t) => {
  t.match(parse([{ type: 'a', ['k'.repeat(2_000)]: 1 }]), { errors: [{ pointer: '/0', detail: /not a known field/ }] });
});
