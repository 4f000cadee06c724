import { parse } from 'csv-parse/sync';
import type { Test } from 'tap';
import type { Tables } from '../../../collector/store/tables.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Api } from '../../support/region/api.ts';
import { Region } from '../../support/region/region.ts';

const DAY = { from: '2011-03-27', to: '2011-03-28', interval: 'total' };
const CSV = { accept: 'text/csv' };
const HOSTILE = ['plain', 'a,b', 'say "hi"', 'two\nlines', 'r\r', 'ø'];

export async function csvContract(t: Test, tables: Tables): Promise<void> {
  const region = new Region(tables);
  await region.append(
    region.events('a', 1, [
      ...HOSTILE.map((method, i) => tillEvent({ amount: i, dims: { method } })),
      tillEvent({ type: 'refund', amount: 5 }),
    ]),
  );
  region.now = (HOUR + 2) * HOUR_MS;
  const api = await Api.open(region);

  await t.test('one line per point: time, status, the key and the requested metrics', async (t) => {
    const { status, headers, text } = await api.ask('metrics', { ...DAY, metrics: 'net.amount,ticket.avg' }, CSV);
    t.equal(status, 200);
    t.match(headers, { 'content-type': 'text/csv; charset=utf-8' });
    t.equal(text, 't,status,currency,net.amount,ticket.avg\r\n2011-03-27T00:00:00+00:00,open,GBP,10,3\r\n');
  });

  await t.test('any text in a dimension comes back out of the CSV, and what is null is empty', async (t) => {
    const { text } = await api.ask('metrics', { ...DAY, by: 'method', metrics: 'sales.amount,ticket.avg' }, CSV);
    const rows = parse(text, { columns: true, record_delimiter: '\r\n' }) as Record<string, string>[];
    t.same(
      rows.map((row) => [row.method, row['sales.amount'], row['ticket.avg']]).sort(),
      [...HOSTILE.map((method, i) => [method, String(i), String(i)]), ['', '0', '']].sort(),
    );
  });

  await t.test('a text that a spreadsheet would run as a formula is text', async (t) => {
    const shop = new Region(tables);
    const formulas = ['=HYPERLINK("http://a.example","x")', '+1', '-1+1', '@SUM(A1)', '\tx', '\rx', '=1,"2"'];
    const harmless = ["'", 'a=1', '1-2', ' =1'];
    await shop.append(
      shop.events(
        'a',
        1,
        [...formulas, ...harmless].map((method) => tillEvent({ type: 'refund', amount: 7, dims: { method } })),
      ),
    );
    shop.now = region.now;
    const { text } = await (await Api.open(shop)).ask('metrics', { ...DAY, by: 'method', metrics: 'net.amount' }, CSV);
    const rows = parse(text, { columns: true, record_delimiter: '\r\n' }) as Record<string, string>[];
    t.same(rows.map(({ method }) => method).sort(), [...formulas.map((one) => `'${one}`), ...harmless].sort());
    t.ok(
      rows.every((row) => row['net.amount'] === '-7'),
      'a negative number stays a number',
    );
  });

  await t.test('sums beyond 2^53 are in full', async (t) => {
    const rich = new Region(tables);
    const sales = Array.from({ length: 1_000 }, () => tillEvent({ amount: 1e12 - 1 }));
    for (let batch = 0; batch < 10; batch++) await rich.append(rich.events('a', 1 + batch * 1_000, sales));
    const { text } = await (await Api.open(rich)).ask('metrics', { ...DAY, metrics: 'sales.amount' }, CSV);
    t.match(text, /,GBP,9999999999990000\r\n$/);
  });

  await t.test('without data there is a line of zeros', async (t) => {
    const { text } = await (await Api.open(new Region(tables))).ask('metrics', { ...DAY, by: 'store' }, CSV);
    t.equal(text, 't,status,currency,store,sales.count,sales.amount\r\n2011-03-27T00:00:00+00:00,open,,,0,0\r\n');
  });

  await t.test('a comparison is refused, and errors stay problem details', async (t) => {
    const { status, headers, body } = await api.ask('metrics', { ...DAY, compare: 'previous_year' }, CSV);
    t.equal(status, 400);
    t.match(headers, { 'content-type': 'application/problem+json' });
    t.match(body, { errors: [{ parameter: 'compare' }] });
  });

  await t.test('JSON is the answer to every other Accept', async (t) => {
    for (const accept of ['*/*', 'application/json', 'text/html', 'application/json, text/csv;q=0.1'])
      t.match((await api.ask('metrics', DAY, { accept })).headers, { 'content-type': /^application\/json/ });
  });

  await api.close();
}
