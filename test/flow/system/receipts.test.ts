/**
 * Receipts as shops print them, from a till through a real agent to a real collector: what `top`, `items.quantity` and the raw events say is
 * what the receipt says.
 */
import { join } from 'node:path';
import t from 'tap';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { exportedLines, postText } from '../../support/agent/till-posts.ts';
import { testDir } from '../../support/system/test-dir.ts';

const READY_MS = 60_000;
const STOP_MS = 10_000;
const DEADLINE_MS = 60_000;
const DAY = { from: '2026-11-22', to: '2026-11-23' };

t.setTimeout(180_000);

/** A receipt: its type (a sale, unless told), and its lines as the till sends them. */
const RECEIPTS: Readonly<Record<string, { readonly type?: string; readonly lines: string }>> = {
  'a plain sale': { lines: '{"sku":"TEA","qty":2,"price":450}' },
  'a discount line': { lines: '{"sku":"BREAD","qty":1,"price":380},{"sku":"COUPON","qty":1,"price":-50}' },
  'a discount over several': { lines: '{"sku":"COUPON","qty":3,"price":-50.0}' },
  'a line returned within a sale': { lines: '{"sku":"MUG","qty":3,"price":900},{"sku":"MUG","qty":-1,"price":900}' },
  'only a return within a sale': { lines: '{"sku":"DEPOSIT","qty":-2.0,"price":25}' },
  'a discount taken back': { lines: '{"sku":"COUPON","qty":-1,"price":-50}' },
  'a voided line': { lines: '{"sku":"VOIDED","qty":0,"price":500},{"sku":"TEA","qty":1,"price":450}' },
  'a voided line with its total': { lines: '{"sku":"VOIDED","qty":0,"price":null,"amount":700}' },
  'a voided line of minus nothing': { lines: '{"sku":"VOIDED","qty":-0.0,"price":500}' },
  'fuel at 179.9 a litre': { lines: '{"sku":"FUEL","qty":41.27,"amount":7424}' },
  'fuel, its price null': { lines: '{"sku":"FUEL","qty":10,"price":null,"amount":1799}' },
  'a weight': { lines: '{"sku":"APPLES","qty":0.435,"price":1299,"amount":565}' },
  'three for ten': { lines: '{"sku":"BEANS","qty":3,"price":349,"amount":1000}' },
  'a line given away': { lines: '{"sku":"BEANS","qty":1,"price":349,"amount":0}' },
  'a weight returned within a sale': { lines: '{"sku":"APPLES","qty":-0.1,"price":1299,"amount":-130}' },
  'an amount of minus nothing': { lines: '{"sku":"FREE","qty":1,"amount":-0}' },
  'an amount that is null': { lines: '{"sku":"TEA","qty":1,"price":450,"amount":null}' },
  'a refund': { type: 'refund', lines: '{"sku":"FUEL","qty":1.27,"amount":228},{"sku":"COUPON","qty":1,"price":-50}' },
  'an exchange, as a refund': { type: 'refund', lines: '{"sku":"MUG","qty":-1,"price":900}' },
  'a receipt that was voided as a whole': { type: 'void', lines: '{"sku":"MUG","qty":-9,"price":900,"amount":7}' },
  'the largest there are': {
    lines:
      '{"sku":"HUGE","qty":1000000000,"price":1000000000000},{"sku":"HUGE","qty":-1000000000,"price":1000000000000},' +
      '{"sku":"HUGE","qty":1000000000,"price":-1000000000000,"amount":1000000000000},{"sku":"HUGE","qty":1,"amount":-1}',
  },
};

/** By hand, from the lines above: thousandths of a piece do not matter here, so pieces. */
const SOLD: Readonly<Record<string, readonly [quantity: number, amount: number]>> = {
  TEA: [4, 1_800],
  BREAD: [1, 380],
  COUPON: [2, -100],
  MUG: [3, 2_700],
  DEPOSIT: [-2, -50],
  FUEL: [50, 8_995],
  APPLES: [0.335, 435],
  BEANS: [4, 1_000],
  FREE: [1, 0],
  HUGE: [1_000_000_001, 999_999_999_999],
};

interface Top {
  readonly series: readonly { readonly items: readonly { sku: string; quantity: number; amount: number }[] }[];
}

t.test('what a shop prints on its receipts is what the figures say', async (t) => {
  const folder = testDir(t);
  const [httpPort, mqttPort] = await freePorts(2);
  const collector = new CollectorProcess({
    folder: join(folder, 'collector'),
    httpPort: httpPort!,
    mqttPort: mqttPort!,
  });
  await collector.init();
  t.teardown(() => collector.started && collector.child.stop(STOP_MS));
  const token = await collector.addTerminal('acme', 'till-1');
  const api = new MerchantApi(collector.httpUrl, 'acme', await collector.addKey('acme'));
  const config = writeConfig(folder, {
    collector: { urls: [collector.mqttUrl], token },
    ship: { reconnectMaxMs: 1_000, lingerMs: 1 },
  });
  const agent = await startAgentProcess(t, config);

  for (const [ref, { type = 'sale', lines }] of Object.entries(RECEIPTS)) {
    const receipt = `{"type":"${type}","ts":"2026-11-22T09:30:00Z","amount":1,"currency":"EUR","ref":"${ref}","items":[${lines}]}`;
    t.match(await postText(agent, receipt), { status: 201 }, ref);
    t.match(await postText(agent, receipt), { status: 200 }, `${ref}: a repeat is known`);
  }
  t.match(
    await postText(
      agent,
      '{"type":"sale","ts":"2026-11-22T09:30:00Z","amount":1,"currency":"EUR","ref":"three for ten","items":[{"sku":"TEN","qty":0,"price":349}]}',
    ),
    { status: 201, body: { conflicts: [{ index: 0 }] } },
    'the same receipt with other lines is not a repeat',
  );
  const accepted = Object.keys(RECEIPTS).length + 1;

  await collector.start(READY_MS);
  const counted = () => api.metrics({ ...DAY, metrics: 'events.count,items.quantity', interval: 'total' });
  await until(async () => (await counted()).series[0]!.points[0]!['events.count'] === accepted, {
    what: 'all receipts to be counted',
    deadlineMs: DEADLINE_MS,
  });

  const pieces = Object.values(SOLD).reduce((sum, [quantity]) => sum + Math.round(quantity * 1_000), 0) / 1_000;
  t.equal((await counted()).series[0]!.points[0]!['items.quantity'], pieces, 'items.quantity: with their sign');
  for (const by of ['amount', 'quantity'] as const) {
    const top: Top = await api.get('top', { ...DAY, by, limit: '100' });
    const items = top.series[0]!.items;
    t.strictSame(Object.fromEntries(items.map(({ sku, quantity, amount }) => [sku, [quantity, amount]])), SOLD);
    const order = items.map((item) => item[by]);
    t.strictSame(
      order,
      order.toSorted((a, b) => b - a),
      `the greatest ${by} first, what came back last`,
    );
  }

  const { events }: { events: { ref: string; items: unknown }[] } = await api.get('events', { ...DAY, limit: '1000' });
  const kept = await exportedLines(config);
  for (const [ref, { lines }] of Object.entries(RECEIPTS)) {
    const given = (JSON.parse(`[${lines}]`) as Record<string, unknown>[]).map((line) =>
      // As sent, but for nulls; -0 is 0.
      Object.fromEntries(
        Object.entries(line).flatMap(([key, value]) => (value === null ? [] : [[key, value === 0 ? 0 : value]])),
      ),
    );
    t.strictSame(events.find((event) => event.ref === ref)!.items, given, `${ref}, as the collector has it`);
    if (ref !== 'three for ten')
      t.strictSame(
        (JSON.parse(kept.get(ref)!) as { event: { items: unknown } }).event.items,
        given,
        `${ref}, as exported`,
      );
  }
});

t.test('lines that are no lines are refused, in words that tell the way out', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  const refused: Record<string, [line: string, pointer: string, detail: RegExp]> = {
    'a price of a fraction': ['"qty":1,"price":179.9', 'price', /leave it out.*amount/],
    'a price of a fraction, as it is written': [
      '"qty":1,"price":1.79900000000000000001e2',
      'price',
      /leave it out.*amount/,
    ],
    'a price of a fraction beside the amount': ['"qty":1,"price":179.9,"amount":180', 'price', /leave it out/],
    'neither price nor amount': ['"qty":1', 'price', /is required.*amount/],
    'price and amount null': ['"qty":1,"price":null,"amount":null', 'price', /is required.*amount/],
    'no qty': ['"amount":100', 'qty', /is required/],
    'an amount of a fraction': ['"qty":1,"amount":0.5', 'amount', /must be integer/],
    'an amount in quotes': ['"qty":1,"amount":"5"', 'amount', /integer/],
    'an amount beyond 10^12': ['"qty":1,"amount":-1000000000001', 'amount', />= -1000000000000/],
    'a price beyond 10^12': ['"qty":1,"price":-1000000000001', 'price', />= -1000000000000/],
    'a qty beyond 10^9': ['"qty":-1000000000.001,"price":1', 'qty', />= -1000000000/],
    'four decimals': ['"qty":-0.1234,"price":1', 'qty', /three decimals/],
    'decimals of nothing': ['"qty":0.00001,"price":1', 'qty', /three decimals/],
    'another name': ['"qty":1,"total":100', 'total', /not a known field/],
  };
  for (const [what, [line, field, detail]] of Object.entries(refused)) {
    const { status, body } = await postText(agent, `{"type":"sale","items":[{"sku":"A",${line}}]}`);
    t.equal(status, 400, what);
    t.match(
      body.errors?.find(({ pointer }) => pointer === `/items/0/${field}`)?.detail ?? JSON.stringify(body),
      detail,
      what,
    );
  }
});
