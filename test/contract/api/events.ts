import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { API_LIMITS } from '../../../collector/api/limits.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { epoch } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { eventsOf } from '../../support/collector/oracle-rows.ts';
import type { SentRow } from '../../support/collector/raw-rows.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';
import { salesIn } from '../../support/region/sales.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28' };
const LATE = epoch('ff000000000000ff');

interface Listed {
  readonly stream: string;
  readonly seq: number;
  readonly amount: number;
}

/** All pages, each at most as long as requested. */
async function pages(api: Api, query: Query): Promise<Listed[][]> {
  const found: Listed[][] = [];
  let cursor: string | null = null;
  do {
    const { events, next } = await api.get('events', { ...DAY, ...query, ...(cursor !== null && { cursor }) });
    found.push(events);
    cursor = next;
  } while (cursor !== null);
  return found;
}

export async function eventsContract(t: Test, tables: Tables): Promise<void> {
  await t.test('a page of large events ends early, and the next one goes on', async (t) => {
    const region = new Region(tables);
    const items = Array.from({ length: 2_000 }, (_, at) => ({ sku: `article-${at}`, qty: 1_000, price: at }));
    const basket = (amount: number) => tillEvent({ amount, items });
    for (let first = 1; first <= 60; first += 10)
      await region.append(
        region.events(
          'a',
          first,
          Array.from({ length: 10 }, (_, at) => basket(first + at)),
        ),
      );
    const found = await pages(await Api.open(region), { limit: '1000' });
    t.strictSame(
      found.flat().map(({ seq }) => seq),
      Array.from({ length: 60 }, (_, at) => at + 1),
    );
    t.ok(found.length > 1);
    const most = API_LIMITS.eventsPageBytes.value;
    for (const page of found.slice(0, -1)) {
      const size = JSON.stringify(page).length;
      t.ok(size >= most && size < 1.1 * most, `${size} bytes`);
    }
  });

  await t.test('an event comes as the till sent it, with where it is and when it came', async (t) => {
    const region = new Region(tables);
    const row = region.events('till-1', 41, [
      tillEvent({
        ...{ ts: Date.parse('2011-03-27T00:10:11.123Z'), offset: 330, amount: 1299, currency: 'INR', ref: 'R-1' },
        ...{ dims: { method: 'upi', customer: 'u1' }, attrs: '{"any":["json",{"n":1.5}]}' },
        items: [
          { sku: 'A', qty: 1_500, price: 866 },
          { sku: 'B', qty: -41_270, price: null, amount: -7_424 },
          { sku: 'C', qty: 0, price: -1, amount: 0 },
        ],
      }),
      tillEvent({ type: 'drawer.opened', amount: null, currency: null, offset: -210 }),
    ]);
    await region.append(row);
    const { events, next } = await (await Api.open(region)).get('events', DAY);
    t.equal(next, null);
    t.same(events, [
      {
        terminal: 'till-1',
        stream: 'till-1.00000000000000aa',
        seq: 41,
        arrival: new Date(row.arrival).toISOString(),
        type: 'sale',
        ts: '2011-03-27T05:40:11.123+05:30',
        amount: 1299,
        currency: 'INR',
        ref: 'R-1',
        store: null,
        dims: { customer: 'u1', method: 'upi' },
        items: [
          { sku: 'A', qty: 1.5, price: 866 },
          { sku: 'B', qty: -41.27, amount: -7_424 },
          { sku: 'C', qty: 0, price: -1, amount: 0 },
        ],
        attrs: { any: ['json', { n: 1.5 }] },
      },
      {
        terminal: 'till-1',
        stream: 'till-1.00000000000000aa',
        seq: 42,
        arrival: new Date(row.arrival).toISOString(),
        type: 'drawer.opened',
        ts: '2011-03-26T20:30:00.000-03:30',
        store: null,
        dims: {},
        items: [],
      },
    ]);
  });

  await t.test(
    'each seq comes once, whatever the size of the pages, from overlapping batches of many streams',
    async (t) => {
      const region = new Region(tables);
      const rows: SentRow[] = [];
      for (const hour of [HOUR, HOUR + 1]) {
        for (const terminal of ['a', 'a-b', 'b']) {
          for (const ofEpoch of [epoch('00000000000000aa'), LATE]) {
            const sales = salesIn(hour, [1, 2, 3, 4, 5, 6, 7]);
            const cut = (first: number, count: number) =>
              region.events(terminal, first, sales.slice(first - 1, first - 1 + count), { epoch: ofEpoch });
            rows.push(cut(1, 3), cut(1, 2), cut(2, 4), cut(3, 1), cut(6, 2), cut(6, 1), cut(1, 3));
          }
        }
        // Losses sort before events, of whatever terminal.
        rows.push(region.losses('b', 90, 5, { hour }), region.losses('a', 90, 5, { hour }));
      }
      await region.append(...rows);
      const expected = [HOUR, HOUR + 1].flatMap(() =>
        ['a', 'a-b', 'b'].flatMap((terminal) =>
          ['00000000000000aa', LATE].flatMap((ofEpoch) =>
            [1, 2, 3, 4, 5, 6, 7].map((seq) => ({ stream: `${terminal}.${ofEpoch}`, seq, amount: seq })),
          ),
        ),
      );
      t.equal(expected.length, eventsOf(rows).events.length);
      const api = await Api.open(region);
      for (const limit of [1, 2, 3, 5, 84, 1_000]) {
        const found = await pages(api, { limit: String(limit) });
        t.ok(found.every((page) => page.length <= limit));
        t.same(
          found.flat().map(({ stream, seq, amount }) => ({ stream, seq, amount })),
          expected,
          `pages of ${limit}`,
        );
      }
    },
  );

  await t.test(
    'where contents differ, the earlier arrival counts, then the lower row key, on every page',
    async (t) => {
      for (const [earlier, expected] of [
        ['low', [1, 2, 3, 40]],
        ['high', [1, 20, 30, 40]],
        ['none', [1, 2, 3, 40]],
      ] as const) {
        const region = new Region(tables);
        const at = Date.now();
        const low = region.events('a', 1, salesIn(HOUR, [1, 2, 3]), { arrival: at + Number(earlier === 'high') });
        const high = region.events('a', 2, salesIn(HOUR, [20, 30, 40]), { arrival: at + Number(earlier === 'low') });
        await region.append(high, low);
        const api = await Api.open(region);
        for (const limit of ['1', '2', '10']) {
          const amounts = (await pages(api, { limit })).flat().map(({ amount }) => amount);
          t.same(amounts, expected, `${earlier}, pages of ${limit}`);
        }
      }
    },
  );

  await t.test('the events are those that the figures count, whatever arrived when', async (t) => {
    const row = fc.record({
      first: fc.integer({ min: 1, max: 8 }),
      count: fc.integer({ min: 1, max: 5 }),
      arrival: fc.integer({ min: 1, max: 4 }),
      limit: fc.integer({ min: 1, max: 9 }),
    });
    const run = await fc.check(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
        const region = new Region(tables);
        const now = Date.now();
        const sent = rows.map(({ first, count, arrival }, at) =>
          region.events('a', first, salesIn(HOUR, Array(count).fill(10 ** at)), { arrival: now + arrival }),
        );
        await region.append(...sent);
        const found = (await pages(await Api.open(region), { limit: String(rows[0]!.limit) })).flat();
        assert.deepEqual(
          found.map(({ amount }) => amount).sort(),
          eventsOf(sent)
            .events.map(({ amount }) => amount)
            .sort(),
        );
      }),
      { numRuns: 30 },
    );
    t.notOk(run.failed, fc.defaultReportMessage(run) ?? `held in ${run.numRuns} runs`);
  });

  await t.test('numbers in attrs come back as they were written', async (t) => {
    const region = new Region(tables);
    const attrs = '{"orderId":9007199254740993,"rate":1.50,"n":[1e400,-0,0.1]}';
    await region.append(region.events('a', 1, [tillEvent({ attrs })]));
    const { text } = await (await Api.open(region)).ask('events', DAY);
    t.match(text, `"attrs":${attrs}`);
  });

  await t.test('a row that cannot be read is named, and the others are listed', async (t) => {
    const region = new Region(tables);
    const bad = region.events('a', 4, salesIn(HOUR, [8, 9]));
    await region.append(region.events('a', 1, salesIn(HOUR, [1, 2, 3])), { ...bad, bytes: bad.bytes.subarray(0, -1) });
    const { events, unreadable } = await (await Api.open(region)).get('events', DAY);
    t.equal(events.length, 3);
    t.match(unreadable, [{ t: '2011-03-27T00:00:00.000Z', terminal: 'a', firstSeq: 4, lastSeq: 5 }]);
  });

  await t.test('a page begins within a batch, after thousands of events, without reading them again', async (t) => {
    const region = new Region(tables);
    const amounts = Array.from({ length: 2_500 }, (_, i) => i);
    for (let at = 0; at < 5; at++) await region.append(region.events('a', 1 + at * 2_500, salesIn(HOUR, amounts)));
    const found = (await pages(await Api.open(region), { limit: '1000' })).flat();
    t.equal(found.length, 12_500);
    t.ok(found.every(({ seq }, i) => seq === i + 1));
  });

  await t.test('a range is half-open, to the quarter hour', async (t) => {
    const region = new Region(tables);
    const at = (minute: number) => tillEvent({ ts: HOUR * HOUR_MS + minute * 60_000, amount: minute });
    await region.append(region.events('a', 1, [14, 15, 29, 30].map(at)));
    const range = { from: '2011-03-27T00:15:00Z', to: '2011-03-27T00:30:00Z' };
    const { events } = await (await Api.open(region)).get('events', range);
    t.same(
      events.map(({ amount }: Listed) => amount),
      [15, 29],
    );
  });

  await t.test('by type and by ref', async (t) => {
    const region = new Region(tables);
    await region.append(
      region.events('a', 1, [tillEvent({ ref: 'R-1' }), tillEvent({ type: 'refund', ref: 'R-1' }), tillEvent()]),
    );
    const api = await Api.open(region);
    const seqs = async (query: Query) => (await pages(api, { limit: '1', ...query })).flat().map(({ seq }) => seq);
    t.same(await seqs({ ref: 'R-1' }), [1, 2]);
    t.same(await seqs({ type: 'sale' }), [1, 3]);
    t.same(await seqs({ type: 'sale', ref: 'R-1' }), [1]);
    t.same(await seqs({ type: 'none' }), []);
  });

  await t.test('losses are no events, and an hour of nothing else is an empty page', async (t) => {
    const region = new Region(tables);
    await region.append(region.losses('a', 1, 5));
    t.same(await (await Api.open(region)).get('events', DAY), { events: [], next: null });
  });

  await t.test('a cursor that this API did not give is refused, and harms nothing', async (t) => {
    const region = new Region(tables);
    await region.append(region.events('a', 1, salesIn(HOUR, [1, 2])));
    const api = await Api.open(region);
    const packed = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const cursors = [
      ...['', 'x', '%', '\0', 'bm90IGpzb24', packed(null), packed([]), packed({}), packed(7), packed('text')],
      packed([HOUR]),
      packed([HOUR, 'a', LATE]),
      packed([HOUR, 'a', LATE, -1]),
      packed([HOUR, 'a', LATE, 1.5]),
      packed([HOUR, 'a', LATE, '1']),
      packed([HOUR, 'a', 'zz', 1]),
      packed([HOUR, 'A\0/', LATE, 1]),
      packed([HOUR, 'a'.repeat(1_000), LATE, 1]),
      packed([HOUR, { toString: 'x' }, LATE, 1]),
      packed([-1, 'a', LATE, 1]),
      packed([2 ** 40, 'a', LATE, 1]),
      packed([HOUR - 1, 'a', LATE, 1]),
      packed([HOUR + 24, 'a', LATE, 1]),
    ];
    for (const cursor of cursors)
      t.match(
        await api.ask('events', { ...DAY, cursor }),
        { status: 400, body: { errors: [{ parameter: 'cursor' }] } },
        cursor,
      );
  });

  await t.test("a cursor leads to nobody else's events", async (t) => {
    const [mine, yours] = [new Region(tables), new Region(tables)];
    await mine.append(mine.events('a', 1, salesIn(HOUR, [1, 2, 3])));
    await yours.append(yours.events('a', 1, salesIn(HOUR, [10, 20, 30])));
    const { next } = await (await Api.open(yours)).get('events', { ...DAY, limit: '1' });
    const { events } = await (await Api.open(mine)).get('events', { ...DAY, cursor: next });
    t.same(
      events.map(({ amount }: Listed) => amount),
      [2, 3],
    );
  });
}
