/** Serialisers of C#, Java and Go write null where a field has no value: the sale is taken. */
import t from 'tap';
import { startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { exportedLines, postText } from '../../support/agent/till-posts.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

t.test('a sale with null in place of what it lacks is taken as one without', async (t) => {
  const config = writeConfig(testDir(t), { store: 'main' });
  const agent = await startAgentProcess(t, config);
  const taken: Record<string, string> = {
    'ref null': '"amount":1,"currency":"EUR","ref":null',
    'dims null': '"ref":"dims","dims":null',
    'a dimension null': '"ref":"dim","dims":{"customer":null,"method":"cash"}',
    'the store null': '"ref":"store","dims":{"store":null}',
    'an empty store': '"ref":"empty-store","dims":{"store":"","customer":""}',
    'items null': '"ref":"items","items":null',
    'attrs null': '"ref":"attrs","attrs":null',
    'a null in attrs': '"ref":"in-attrs","attrs":{"a":null,"b":[null]}',
    'ts null': '"ref":"ts","ts":null',
    'amount and currency null': '"ref":"money","amount":null,"currency":null',
    'amount null, currency not': '"ref":"currency","amount":null,"currency":"EUR"',
    'all of them': '"ref":"all","ts":null,"amount":null,"currency":null,"dims":null,"items":null,"attrs":null',
  };
  for (const [what, fields] of Object.entries(taken))
    t.match(await postText(agent, `{"type":"sale",${fields}}`), { status: 201 }, what);
  t.match(await postText(agent, '{"type":"sale","ref":"dims","dims":{"customer":null}}'), { status: 200 }, 'a repeat');

  const kept = await exportedLines(config);
  const event = (ref: string) =>
    (JSON.parse(kept.get(ref)!) as { event: Record<string, unknown>; store: string }).event;
  t.strictSame(Object.keys(event('all')), ['type', 'ts', 'ref']);
  t.strictSame(event('dim').dims, { method: 'cash' });
  t.strictSame(event('in-attrs').attrs, { a: null, b: [null] });
  for (const ref of ['store', 'empty-store']) t.match(kept.get(ref), '"store":"main"', ref);

  const missing: Record<string, [fields: string, pointer: string]> = {
    'the type': ['"type":null', '/type'],
    'the currency of an amount': ['"type":"sale","amount":1,"currency":null', '/currency'],
    "an item's sku": ['"type":"sale","items":[{"sku":null,"qty":1,"price":1}]', '/items/0/sku'],
    "an item's qty": ['"type":"sale","items":[{"sku":"A","qty":null,"price":1}]', '/items/0/qty'],
  };
  for (const [what, [fields, pointer]] of Object.entries(missing))
    t.match(
      await postText(agent, `{${fields}}`),
      { status: 400, body: { errors: [{ pointer, detail: /is required/ }] } },
      `${what} is missing, and said to be`,
    );
  t.match(await postText(agent, '{"type":"sale","total":null}'), {
    status: 400,
    body: { errors: [{ pointer: '/total' }] },
  });
});
