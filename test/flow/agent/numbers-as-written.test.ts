/** Numbers are judged and kept as the till wrote them, not as doubles. */
import t from 'tap';
import { startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { exportedLines, postText } from '../../support/agent/till-posts.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

const NUMBERS = [
  '9007199254740993',
  '9007199254740992',
  '-9007199254740993',
  '12345678901234567890123',
  '0.1234567890123456789',
  '1.50',
  '1e400',
  '1E-7',
  '-0',
];

t.test('a number of attrs is kept digit by digit, and tells two orders apart', async (t) => {
  const config = writeConfig(testDir(t));
  const agent = await startAgentProcess(t, config);
  for (const [at, number] of NUMBERS.entries())
    t.match(
      await postText(agent, `{"type":"sale","ref":"R-${at}","attrs":{"orderId":${number}}}`),
      { status: 201 },
      number,
    );
  const kept = await exportedLines(config);
  for (const [at, number] of NUMBERS.entries()) t.match(kept.get(`R-${at}`), `"attrs":{"orderId":${number}}`, number);

  const order = (id: string) => postText(agent, `{"type":"sale","ref":"order","attrs":{"orderId":${id}}}`);
  t.match(await order('9007199254740993'), { status: 201 });
  t.match(await order('9007199254740992'), { status: 201 }, 'another order of the same ref is no repeat');
  t.match(await order('9007199254740993'), { status: 200, body: { duplicates: [{ seq: NUMBERS.length + 1 }] } });
});

t.test('amounts, prices, quantities and times are judged as written', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  const money = (amount: string) => `{"type":"sale","amount":${amount},"currency":"EUR"}`;
  const item = (qty: string, price = '1') => `{"type":"sale","items":[{"sku":"A","qty":${qty},"price":${price}}]}`;
  const whole: string[] = [
    ...['100.0', '1e2', '1.00E+2', '1000000000000', '1000000000000.000'].map(money),
    ...['1.500', '15e-1', '0.001', '1000000000.000', '1.0000000000000000000000'].map((qty) => item(qty)),
    ...['100.00', '1e2'].map((price) => item('1', price)),
    '{"type":"sale","ts":1.795342500000e12}',
  ];
  for (const text of whole) t.match(await postText(agent, text), { status: 201 }, text);
  const refused: [text: string, pointer: string][] = [
    ...['99.99999999999999999999', '0.00000000000000000001', '1000000000000.00001', '1e-400', '1e400', '12.50'].map(
      (amount): [string, string] => [money(amount), '/amount'],
    ),
    ...['1.0000000000000000000001', '0.00049999999999999999999', '1000000000.0000001', '1e400', '0.0005'].map(
      (qty): [string, string] => [item(qty), '/items/0/qty'],
    ),
    [item('1', '0.99999999999999999999'), '/items/0/price'],
    [item('1', '1,"amount":-0.99999999999999999999'), '/items/0/amount'],
    [item('1', '1,"amount":-1000000000000.0000000001'), '/items/0/amount'],
    [item('-1.00000000000000000001'), '/items/0/qty'],
    ['{"type":"sale","ts":1795342500000.0000001}', '/ts'],
  ];
  for (const [text, pointer] of refused)
    t.match(await postText(agent, text), { status: 400, body: { errors: [{ pointer }] } }, text);
});
