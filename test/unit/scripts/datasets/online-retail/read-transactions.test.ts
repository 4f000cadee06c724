import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { TillEvent } from '../../../../../scripts/clients/till-event.ts';
import { readTrade, type Selection } from '../../../../../scripts/datasets/online-retail/read-transactions.ts';

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';

function file(t: Test, lines: readonly string[]): string {
  const name = path.join(t.testdir(), 'trade.csv.gz');
  writeFileSync(name, gzipSync(`${[HEADER, ...lines].join('\n')}\n`));
  return name;
}

const read = (name: string, selection?: Selection): Promise<TillEvent[]> => Array.fromAsync(readTrade(name, selection));

t.test('an invoice is one event, with its lines as items', async (t) => {
  const name = file(t, [
    '536365,85123A,"HOLDER, WHITE",6,2011-03-28 08:26:00,2.55,17850.0,United Kingdom',
    '536365,71053,"A ""METAL"" LANTERN",8,2011-03-28 08:26:00,3.39,17850.0,United Kingdom',
  ]);
  t.strictSame(await read(name), [
    {
      type: 'sale',
      ts: '2011-03-28T08:26:00+01:00',
      amount: 6 * 255 + 8 * 339,
      currency: 'GBP',
      ref: '536365',
      dims: { store: 'united-kingdom', customer: '17850' },
      items: [
        { sku: '85123A', qty: 6, price: 255 },
        { sku: '71053', qty: 8, price: 339 },
      ],
    },
  ]);
});

t.test('C is a refund and A an adjustment, both with absolute values', async (t) => {
  const name = file(t, ['C1,X,,-3,2011-01-05 10:00:00,1.25,,EIRE', 'A2,B,,1,2011-01-05 10:01:00,-11062.06,,EIRE']);
  const [refund, adjustment] = await read(name);
  t.match(refund, { type: 'refund', amount: 375, items: [{ qty: 3, price: 125 }] });
  t.match(adjustment, { type: 'adjustment', amount: 1_106_206, items: [{ qty: 1, price: 1_106_206 }] });
  t.notOk('customer' in refund!.dims, 'no customer, no dimension');
});

t.test('a line is rounded half away from zero on its decimal value, and only then added', async (t) => {
  const name = file(t, [
    // 3 x 0.335 pounds are 100.5 pence: as doubles 100.49999999999999.
    '1,A,,3,2011-01-05 10:00:00,0.335,,EIRE',
    '1,B,,1,2011-01-05 10:00:00,0.005,,EIRE',
    '1,C,,4,2011-01-05 10:00:00,0.001,,EIRE',
    'C2,A,,-3,2011-01-05 10:00:00,0.335,,EIRE',
  ]);
  const [sale, refund] = await read(name);
  t.equal(sale!.amount, 101 + 1 + 0);
  t.strictSame(
    sale!.items!.map(({ price }) => price),
    [34, 1, 0],
  );
  t.equal(refund!.amount, 101);
});

t.test('lines that stand apart and tell two minutes are one event, at the earliest minute', async (t) => {
  const name = file(t, [
    '1,A,,1,2011-01-05 10:00:00,1.00,,EIRE',
    '2,A,,1,2011-01-05 10:00:00,2.00,,EIRE',
    '1,B,,1,2011-01-05 10:01:00,4.00,,EIRE',
    '3,A,,1,2011-01-05 12:00:00,8.00,,EIRE',
  ]);
  const events = await read(name);
  t.strictSame(
    events.map(({ ref, ts, amount }) => [ref, ts, amount]),
    [
      ['1', '2011-01-05T10:00:00+00:00', 500],
      ['2', '2011-01-05T10:00:00+00:00', 200],
      ['3', '2011-01-05T12:00:00+00:00', 800],
    ],
  );
});

t.test('a line of quantity 0 adds no item', async (t) => {
  const [event] = await read(file(t, ['1,A,,0,2011-01-05 10:00:00,1.00,,EIRE']));
  t.strictSame([event!.amount, event!.items], [0, []]);
});

t.test('a time that summer time leaves out moves on, one that comes twice is the first', async (t) => {
  const name = file(t, ['1,A,,1,2011-03-27 01:30:00,1.00,,EIRE', '2,A,,1,2011-10-30 01:30:00,1.00,,EIRE']);
  t.strictSame(
    (await read(name)).map(({ ts }) => ts),
    ['2011-03-27T02:30:00+01:00', '2011-10-30T01:30:00+01:00'],
  );
});

t.test('days are chosen by the date of an invoice in London, the last one exclusive', async (t) => {
  const name = file(
    t,
    ['04 23:59', '05 00:00', '05 23:59', '06 00:00', '09 00:00'].map(
      (time, index) => `${index},A,,1,2011-01-${time}:00,1.00,,EIRE`,
    ),
  );
  const refs = async (selection: Selection) => (await read(name, selection)).map(({ ref }) => ref);
  t.strictSame(await refs({ from: '2011-01-05', to: '2011-01-06' }), ['1', '2']);
  t.strictSame(await refs({ from: '2011-01-06' }), ['3', '4']);
  t.strictSame(await refs({ to: '2011-01-05' }), ['0']);
});

t.test('an invoice that begins before midnight belongs to that day with all its lines', async (t) => {
  const name = file(t, ['1,A,,1,2011-01-04 23:59:00,1.00,,EIRE', '1,B,,1,2011-01-05 00:00:00,2.00,,EIRE']);
  t.strictSame(await read(name, { from: '2011-01-05' }), []);
  t.match(await read(name, { to: '2011-01-05' }), [{ amount: 300 }]);
});

t.test('what is not as expected is refused, and the line named', async (t) => {
  const refused = (line: string, reason: RegExp) => t.rejects(read(file(t, [line])), { message: reason });
  await refused('1,A,,1.5,2011-01-05 10:00:00,1.00,,EIRE', /line 2: not a whole number: "1.5"/);
  await refused('1,A,,1,2011-01-05 10:00:00,free,,EIRE', /line 2: not a decimal: "free"/);
  await refused('1,A,,1', /Invalid Record Length/);
  await t.rejects(read(file(t, [])), { message: /holds no lines/ });
  await t.rejects(read(path.join(t.testdir(), 'nothing.csv.gz')), { message: /no such file/ });
});

t.test('an invoice that goes on long after it seemed complete is refused rather than sent twice', async (t) => {
  const name = file(t, [
    '1,A,,1,2011-01-05 10:00:00,1.00,,EIRE',
    '2,A,,1,2011-01-05 11:00:00,1.00,,EIRE',
    '1,A,,1,2011-01-05 11:00:00,1.00,,EIRE',
  ]);
  await t.rejects(read(name), { message: /line 4: invoice 1 goes on/ });
});

t.test('an invoice that no event can express is refused', async (t) => {
  const name = file(t, ['1,A,,-1,2011-01-05 10:00:00,1.00,,EIRE']);
  await t.rejects(read(name), { message: /invoice 1 is a sale of less than nothing/ });
  const items = Array.from({ length: 2001 }, () => '1,A,,1,2011-01-05 10:00:00,1.00,,EIRE');
  await t.rejects(read(file(t, items)), { message: /invoice 1 has 2001 items/ });
});
