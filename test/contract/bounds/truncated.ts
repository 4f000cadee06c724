/** What a bound folds into `(other)`: chosen by amount, told, and the same before and after a roll-up. */
import type { Test } from 'tap';
import { AGGREGATION_LIMITS } from '../../../collector/aggregation/limits.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import type { Item, TillEvent } from '../../../shared/event/event.ts';
import { HOUR_MS, SLOT_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { type Answer, Api, type Query } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

const DAY = Math.floor(HOUR / 24);
const RANGE = { from: '2011-03-27', to: '2011-03-28' };
const STAGES = ['folded', 'rolled up by the hour', 'rolled up by the day'] as const;
const { articles: ARTICLES, partGroups: PART_GROUPS, viewGroups: VIEW_GROUPS } = AGGREGATION_LIMITS;

const sku = (number: number): string => `sku-${String(number).padStart(6, '0')}`;

/** Sales of one piece of each article, 2,000 a receipt; a later article costs more. */
const oneOfEach = (articles: number, ts = HOUR * HOUR_MS): TillEvent[] =>
  Array.from({ length: Math.ceil(articles / 2_000) }, (_, at) =>
    tillEvent({
      ts,
      items: Array.from(
        { length: Math.min(2_000, articles - at * 2_000) },
        (_, of): Item => ({ sku: sku(at * 2_000 + of), qty: 1_000, price: 1 + at * 2_000 + of }),
      ),
    }),
  );

/** A sale of each method; a later one is of more. */
const oneOfEachMethod = (from: number, to: number): TillEvent[] =>
  Array.from({ length: to - from }, (_, at) => tillEvent({ amount: 1 + from + at, dims: { method: `m${from + at}` } }));

/** Folded, by the hour and by the day: what the questions are answered with, without the time of asking. */
async function answersAt(
  region: Region,
  api: Api,
  questions: readonly (readonly [string, Query])[],
): Promise<Answer[][]> {
  const answers: Answer[][] = [];
  for (const stage of STAGES) {
    if (stage === 'rolled up by the hour') {
      for (const { key } of region.delivered) await region.mark(key.hour, key.terminal);
      await region.pass();
    } else if (stage === 'rolled up by the day') await region.passDay(DAY);
    const now: Answer[] = [];
    for (const [what, query] of questions) {
      const { status, headers, body, text } = await api.ask(what, { ...RANGE, ...query });
      delete body.meta?.asOf;
      delete body.compare?.meta.asOf;
      now.push({ status, headers: { truncated: headers['tillstream-truncated'] }, body, text: body.meta ? '' : text });
    }
    answers.push(now);
  }
  return answers;
}

async function merchantWith(tables: Tables, tills: Readonly<Record<string, readonly TillEvent[]>>): Promise<Region> {
  const region = new Region(tables);
  for (const [till, events] of Object.entries(tills))
    for (let at = 0; at < events.length; at += 1_000)
      await region.append(region.events(till, 1 + at, events.slice(at, at + 1_000), hourOfEvents(events)));
  region.now = (DAY + 1) * 24 * HOUR_MS + HOUR_MS;
  return region;
}
const hourOfEvents = (events: readonly TillEvent[]) => ({ hour: Math.floor(events[0]!.ts / HOUR_MS) });

const half = (events: readonly TillEvent[]): [TillEvent[], TillEvent[]] => [
  events.slice(0, events.length / 2),
  events.slice(events.length / 2),
];

export async function truncatedContract(t: Test, tables: Tables): Promise<void> {
  for (const [where, tills] of [
    ['one till', 1],
    ['two tills', 2],
  ] as const)
    await t.test(`the best of 25,004 articles at ${where} leads before and after roll-ups`, async (t) => {
      const [first, second] = half(oneOfEach(25_004));
      const region = await merchantWith(tables, tills === 1 ? { a: [...first, ...second] } : { a: first, b: second });
      const api = await Api.open(region);
      const answers = await answersAt(region, api, [
        ['top', { limit: '1000' }],
        ['top', { limit: '1000', by: 'quantity' }],
      ]);
      const [top] = answers[0]!;
      t.equal(top!.body.series[0].items[0].sku, sku(25_003));
      t.equal(top!.body.series[0].items.length, 1_000);
      // `(other)` is one of the groups.
      const kept = ARTICLES.value - 1;
      const [lost, all] = [(25_004 - kept) * (25_004 - kept + 1), 25_004 * 25_005];
      t.match(top!.body.meta.truncated, [
        { dimension: 'sku', values: 25_004 - kept, currency: 'GBP', amount: lost / 2, quantity: 25_004 - kept },
      ]);
      t.equal(top!.body.meta.truncated[0].share, Number((lost / all).toFixed(6)));
      t.same(answers[1], answers[0], STAGES[1]);
      t.same(answers[2], answers[0], STAGES[2]);
    });

  await t.test('which values of a dimension are kept is decided by amount, and told', async (t) => {
    const methods = VIEW_GROUPS.value + 1_000;
    const tills = Object.fromEntries(
      Array.from({ length: 5 }, (_, till) => [
        `till-${till}`,
        oneOfEachMethod((till * methods) / 5, ((till + 1) * methods) / 5),
      ]),
    );
    const region = await merchantWith(tables, tills);
    const api = await Api.open(region);
    const one = { interval: 'total', metrics: 'events.count' };
    const answers = await answersAt(region, api, [
      ['metrics', { ...one, filter: `method:m${methods - 1}` }],
      ['metrics', { ...one, filter: 'method:m0' }],
      ['metrics', { ...one, filter: 'method:never-seen' }],
      ['metrics', one],
      ['metrics', { ...one, by: 'method' }],
      ['metrics', { ...one, filter: ['type:sale', 'method:(other)'] }],
    ]);
    const [kept, folded, unknown, total, byMethod, other] = answers[0]!;
    t.match(kept!.body, { series: [{ points: [{ 'events.count': 1 }] }] });
    for (const refused of [folded!, unknown!])
      t.match(refused, {
        status: 422,
        body: { errors: [{ parameter: 'filter', detail: /may be among those that count under "\(other\)"/ }] },
      });
    t.match(total!.body.series, [{ points: [{ 'events.count': methods }] }]);
    t.equal(total!.body.meta.truncated, undefined, 'nothing of it is folded');
    const [told] = byMethod!.body.meta.truncated;
    t.equal(told.dimension, 'method');
    const rest = byMethod!.body.series.find(({ key }: { key: { method: string } }) => key.method === '(other)');
    t.equal(told.values, rest.points[0]['events.count']);
    t.equal(byMethod!.body.series.length, methods - told.values + 1);
    t.equal(told.share, Number((told.values / methods).toFixed(6)));
    t.equal(byMethod!.headers.truncated, `method;values=${told.values};share=${told.share}`);
    t.match(other!.body.series, [{ points: rest.points }]);
    t.same(answers[1], answers[0], STAGES[1]);
    t.same(answers[2], answers[0], STAGES[2]);
    const csv = await api.ask('metrics', { ...RANGE, ...one, by: 'method' }, { accept: 'text/csv' });
    t.equal(csv.headers['tillstream-truncated'], byMethod!.headers.truncated);
  });

  await t.test("beyond a till's bound the dimension with many values gives way, not the others", async (t) => {
    const many = oneOfEachMethod(0, PART_GROUPS.value + 500).map((event, at) => ({
      ...event,
      dims: ['cashier', `c${at % 7}`, ...event.dims],
    }));
    const region = await merchantWith(tables, { a: many, b: [tillEvent({ dims: { method: 'm0' } })] });
    const api = await Api.open(region);
    const one = { interval: 'total', metrics: 'events.count' };
    const answers = await answersAt(region, api, [
      ['metrics', { ...one, filter: 'cashier:c3' }],
      ['metrics', { ...one, by: 'cashier' }],
      ['metrics', { ...one, filter: ['terminal:a', `method:m${many.length - 1}`] }],
      ['metrics', { ...one, filter: ['terminal:b', 'method:m0'] }],
      ['metrics', { ...one, filter: 'method:m0' }],
      ['metrics', { ...one, filter: ['terminal:a', 'method:m0'] }],
    ]);
    const [cashier, byCashier, kept, other, partly, folded] = answers[0]!;
    t.equal(cashier!.body.series[0].points[0]['events.count'], many.filter((_, at) => at % 7 === 3).length);
    t.equal(byCashier!.body.meta.truncated, undefined);
    t.equal(kept!.body.series[0].points[0]['events.count'], 1);
    t.equal(other!.body.series[0].points[0]['events.count'], 1);
    t.equal(partly!.status, 422, 'kept of one till, folded of another');
    t.equal(folded!.status, 422);
    t.same(answers[1], answers[0], STAGES[1]);
    t.same(answers[2], answers[0], STAGES[2]);
  });

  await t.test('types, a till alone, parts of an hour, other zones, and a value that is called (other)', async (t) => {
    const types = Array.from({ length: PART_GROUPS.value + 100 }, (_, at) =>
      tillEvent({ type: `t${at}`, amount: null }),
    );
    const sale = (slot: number) =>
      tillEvent({
        ts: HOUR * HOUR_MS + slot * SLOT_MS,
        dims: { method: 'upi' },
        items: [{ sku: '(other)', qty: 1_000, price: 5 }],
      });
    const region = await merchantWith(tables, { a: [...types, sale(0), sale(3)] });
    const next = tillEvent({ ts: (HOUR + 1) * HOUR_MS, dims: { method: '(other)' } });
    await region.append(region.events('a', 1, [next], { hour: HOUR + 1 }));
    const api = await Api.open(region);
    const one = { interval: 'total', metrics: 'events.count' };
    const from = new Date(HOUR * HOUR_MS + 2 * SLOT_MS).toISOString();
    const nextHour = { from: new Date((HOUR + 1) * HOUR_MS).toISOString(), filter: 'method:(other)', by: 'method' };
    const answers = await answersAt(region, api, [
      ['metrics', { ...one, filter: 'type:sale' }],
      ['metrics', { ...one, filter: 'type:t0' }],
      ['metrics', { ...one, filter: `type:t${types.length - 1}` }],
      ['metrics', { ...one, filter: `type:t${types.length - 1}`, from: nextHour.from }],
      ['metrics', { ...one, from, filter: 'method:upi', tz: 'Asia/Kathmandu', to: '2011-03-28T00:00:00+05:45' }],
      ['metrics', { ...one, by: 'type', compare: 'previous_period' }],
      ['metrics', { ...one, ...nextHour }],
      ['top', {}],
    ]);
    const [sales, kept, folded, later, local, byType, other, top] = answers[0]!;
    const count = ({ body }: Answer): number => body.series[0].points[0]['events.count'];
    t.same([count(sales!), count(kept!), count(later!), count(local!), count(other!)], [3, 1, 0, 1, 1]);
    t.equal(folded!.status, 422);
    t.match(byType!.body.meta.truncated, [{ dimension: 'type' }]);
    t.equal(byType!.body.compare.meta.truncated, undefined);
    t.equal(other!.body.meta.truncated, undefined);
    t.match(top!.body.series, [{ items: [{ sku: '(other)', quantity: 2, amount: 10 }] }]);
    t.same(answers[1], answers[0], STAGES[1]);
    t.same(answers[2], answers[0], STAGES[2]);
  });

  await t.test('a day with 20,000 articles in each quarter of an hour rolls up', async (t) => {
    const region = new Region(tables);
    for (let slot = 0; slot < 96; slot++) {
      const events = oneOfEach(20_000, DAY * 24 * HOUR_MS + slot * SLOT_MS);
      for (const [at, event] of events.entries()) {
        const seq = 1 + (slot % 4) * events.length + at;
        await region.append(region.events('a', seq, [event], { hour: DAY * 24 + Math.floor(slot / 4) }));
      }
    }
    region.now = (DAY + 1) * 24 * HOUR_MS + HOUR_MS;
    for (let hour = 0; hour < 24; hour++) await region.mark(DAY * 24 + hour, 'a');
    await region.passDay(DAY);
    t.same(region.failures, []);
    t.same(region.leftOut, []);
    t.not(await region.revision('day', DAY), null);
    const api = await Api.open(region);
    const { series, meta } = await api.get('top', { ...RANGE, limit: '3' });
    t.same(
      series[0].items,
      [19_999, 19_998, 19_997].map((at) => ({ sku: sku(at), quantity: 96, amount: 96 * (1 + at) })),
    );
    t.equal(meta.truncated, undefined);
    const { series: counts } = await api.get('metrics', { ...RANGE, interval: 'total', metrics: 'items.quantity' });
    t.match(counts, [{ points: [{ 'items.quantity': 96 * 20_000 }] }]);
  });
}
