/** The same sale in another spelling is a repeat; a ref that comes with other content is told. */
import Database from 'better-sqlite3';
import t from 'tap';
import { type AgentProcess, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { exportedLines, postText } from '../../support/agent/till-posts.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

const TS = '"ts":"2026-11-22T10:00:00Z"';
/** The fields beside type and ref: as they come first, and as they come again. */
const SPELLINGS: [what: string, first: string, again: string][] = [
  [
    'the order of keys',
    '"amount":1,"currency":"EUR","dims":{"a":"1","b":"2"}',
    '"dims":{"b":"2","a":"1"},"currency":"EUR","amount":1',
  ],
  ['another offset', TS, '"ts":"2026-11-22T11:00:00+01:00"'],
  ['zulu time', TS, '"ts":"2026-11-22T10:00:00.000+00:00"'],
  ['epoch milliseconds', TS, `"ts":${Date.UTC(2026, 10, 22, 10)}`],
  ['24:00', '"ts":"2026-11-22T24:00:00Z"', '"ts":"2026-11-23T00:00:00Z"'],
  ['empty items', `${TS},"items":[]`, TS],
  ['empty dims', `${TS},"dims":{}`, TS],
  ['an empty dimension', `${TS},"dims":{"customer":"","method":"cash"}`, `${TS},"dims":{"method":"cash"}`],
  ['null dims', `${TS},"dims":null`, TS],
  ['empty attrs', `${TS},"attrs":{}`, TS],
  ['null attrs', `${TS},"attrs":null`, TS],
  ['decimals of an amount', '"amount":1200,"currency":"EUR"', '"amount":1.200e3,"currency":"EUR"'],
  ['decimals of a qty', '"items":[{"sku":"A","qty":1.5,"price":2}]', '"items":[{"sku":"A","qty":1.500,"price":2.0}]'],
  ['decimals in attrs', '"attrs":{"rate":0.5,"id":9007199254740993}', '"attrs":{"id":9007199254740993.0,"rate":0.50}'],
  ['decomposed texts', '"dims":{"cashier":"Zo\u00eb"}', '"dims":{"cashier":"Zoe\u0308"}'],
  ['a decomposed sku', '"items":[{"sku":"\u00c5","qty":1,"price":2}]', '"items":[{"sku":"A\u030a","qty":1,"price":2}]'],
  ['decomposed attrs', '"attrs":{"caf\u00e9":"\u00e9"}', '"attrs":{"cafe\u0301":"e\u0301"}'],
  ['escapes', '"dims":{"cashier":"Zo\u00eb"}', '"dims":{"cashier":"Zo\\u00eb"}'],
  ['spaces', '"attrs":{"a":[1,2]}', '"attrs": { "a" : [ 1 , 2 ] }'],
];

const post = (agent: AgentProcess, ref: string, fields: string) =>
  postText(agent, `{"type":"sale","ref":"${ref}",${fields}}`);

t.test('a repeat in another spelling is a duplicate, also after a restart', async (t) => {
  const config = writeConfig(testDir(t));
  const agent = await startAgentProcess(t, config);
  for (const [at, [what, first]] of SPELLINGS.entries())
    t.match(await post(agent, `R-${at}`, first), { status: 201, body: { firstSeq: at + 1 } }, what);
  t.match(await post(agent, 'caf\u00e9', '"attrs":1'), { status: 201 });
  t.match(await post(agent, 'cafe\u0301', '"attrs":1'), { status: 200 }, 'a decomposed ref');
  agent.child.kill('SIGKILL');
  await agent.ended;
  const again = await startAgentProcess(t, config);
  for (const [at, [what, , other]] of SPELLINGS.entries())
    t.match(await post(again, `R-${at}`, other), { status: 200, body: { duplicates: [{ seq: at + 1 }] } }, what);
  const kept = await exportedLines(config);
  t.match(kept.get('R-14'), 'Zo\u00eb', 'texts are kept in NFC');
  t.equal(kept.size, SPELLINGS.length + 1);
});

t.test('a ref that comes with other content is stored, and the answer names the earlier event', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  const first = await post(agent, 'R-1', '"amount":1,"currency":"EUR"');
  t.notOk('conflicts' in first.body, 'nothing to tell');
  t.match(await post(agent, 'R-1', '"amount":2,"currency":"EUR"'), {
    status: 201,
    body: { accepted: 1, firstSeq: 2, duplicates: [], conflicts: [{ index: 0, seq: 1 }] },
  });
  const sale = (ref: string, amount: number) => `{"type":"sale","ref":"${ref}","amount":${amount},"currency":"EUR"}`;
  const lines = [sale('R-2', 1), '', sale('R-1', 1), sale('R-1', 3), sale('R-2', 2)].join('\n');
  t.match(await postText(agent, lines, { 'content-type': 'application/x-ndjson' }), {
    status: 201,
    body: {
      accepted: 3,
      duplicates: [{ index: 2, seq: 1 }],
      conflicts: [
        { index: 3, seq: 2 },
        { index: 4, seq: 3 },
      ],
    },
  });
  t.match(await (await fetch(`${agent.url}/metrics`)).text(), /ref_conflicts(?:_total)? 3/);
});

t.test("a repeat of yesterday's sale is known across the upgrade", async (t) => {
  const config = writeConfig(testDir(t));
  const agent = await startAgentProcess(t, config);
  const fields =
    '"amount":1299,"currency":"EUR","items":[{"sku":"A1","qty":2,"price":500}],"ts":"2026-11-22T09:30:00+05:30"';
  t.match(await post(agent, 'R', fields), { status: 201 });
  agent.child.kill('SIGTERM');
  await agent.ended;
  // The hash that agent 0.1.0 stored for it.
  const db = new Database(`${testDir(t)}/buffer.db`);
  t.equal(db.prepare("UPDATE refs SET content = x'cbc0af1f6c02011ae2d99a83ab0600db'").run().changes, 1);
  db.close();
  const upgraded = await startAgentProcess(t, config);
  t.match(await post(upgraded, 'R', fields), { status: 200, body: { duplicates: [{ seq: 1 }] } });
});
