/** What clients send as lines and as JSON is taken, or refused in words that tell the way out. */
import t from 'tap';
import { startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { postText } from '../../support/agent/till-posts.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

const A = '{"type":"sale","attrs":{"a":1}}';
const B = '{"type":"sale","attrs":{"b":[2]}}';

t.test('events one a line, by each name of the format', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  const names = [
    'application/x-ndjson',
    'application/ndjson',
    'application/jsonl',
    'application/x-jsonl',
    'application/x-jsonlines',
    'application/jsonlines',
    'application/json-lines',
    'text/x-ndjson',
    'Application/JSONL; charset=utf-8',
    'application/jsonl;charset="UTF-8"',
  ];
  for (const type of names)
    for (const body of [A, `${A}\n${B}`, `${A}\n${B}\n`, `${A}\r\n\r\n${B}\r\n`, `\ufeff${A}\n${B}`])
      t.match(
        await postText(agent, body, { 'content-type': type }),
        { status: 201, body: { accepted: body.includes(B) ? 2 : 1 } },
        `${type}: ${JSON.stringify(body)}`,
      );
  t.match(await postText(agent, `\x1e${A}\n\x1e${B}\n`, { 'content-type': 'application/json-seq' }), {
    status: 201,
    body: { accepted: 2 },
  });
});

t.test('JSON, by each name of it or none', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  for (const type of ['application/json', 'Application/JSON; charset=UTF-8', 'application/vnd.shop+json', 'text/plain'])
    for (const body of [A, `[${A},${B}]`, ` \r\n\t[ ${A} ,\n${B} ] \n`, `\ufeff${A}`])
      t.match(await postText(agent, body, { 'content-type': type }), { status: 201 }, `${type}: ${body}`);
});

/** A body that is refused, and a word of the way out. */
const REFUSED: [what: string, type: string, body: string | Uint8Array<ArrayBuffer>, words: RegExp][] = [
  ['lines as JSON', 'application/json', `${A}\n${B}\n`, /Content-Type: application\/x-ndjson/],
  ["lines as curl's default", 'application/x-www-form-urlencoded', `${A}\n${B}`, /Content-Type: application\/x-ndjson/],
  ['lines whose feeds `curl -d` ate', 'application/x-ndjson', `${A}${B}`, /--data-binary/],
  ['the same without a type', 'application/x-www-form-urlencoded', `${A}${B}`, /--data-binary/],
  ['lines that end with CR', 'application/jsonl', `${A}\r${B}`, /line feeds/],
  ['an event over several lines', 'application/x-ndjson', '{\n "type":"sale"\n}', /one line.*application\/json/],
  ['an array over several lines', 'application/jsonl', `[${A},\n${B}]`, /one line.*application\/json/],
  ['an array in a line', 'application/jsonl', `[${A},${B}]`, /object/],
  ['URL-encoded', 'application/x-www-form-urlencoded', encodeURIComponent(A), /URL-encoded/],
  ['a form', 'application/x-www-form-urlencoded', `data=${encodeURIComponent(A)}`, /URL-encoded/],
  ['single quotes', 'application/json', "{'type':'sale'}", /double quotes/],
  ['quotes that a Windows shell left', 'application/json', `'${A}'`, /double quotes/],
  ['NaN', 'application/json', '{"type":"sale","amount":NaN,"currency":"EUR"}', /NaN/],
  ['Infinity', 'application/json', '{"type":"sale","attrs":[-Infinity]}', /Infinity/],
  ['UTF-16', 'application/json', new Uint8Array(Buffer.from(A, 'utf16le')), /UTF-8/],
  ['UTF-16 with its mark', 'application/json', new Uint8Array(Buffer.from(`\ufeff${A}`, 'utf16le')), /UTF-8/],
  [
    'a code page',
    'application/json',
    new Uint8Array(Buffer.from('{"type":"sale","ref":"caf\u00e9"}', 'latin1')),
    /UTF-8/,
  ],
  ['seconds', 'application/json', '{"type":"sale","ts":1795342500}', /in seconds.*milliseconds/],
  ['seconds with a fraction', 'application/json', '{"type":"sale","ts":1795342500.5}', /in seconds.*milliseconds/],
  ['microseconds', 'application/json', '{"type":"sale","ts":1795342500000000}', /in microseconds.*milliseconds/],
  ['nanoseconds', 'application/json', '{"type":"sale","ts":1795342500000000001}', /in nanoseconds.*milliseconds/],
  ['milliseconds in quotes', 'application/json', '{"type":"sale","ts":"1795342500000"}', /without the quotes/],
  ['a local time', 'application/json', '{"type":"sale","ts":"2026-11-22T09:30:00"}', /with an offset/],
];

t.test('what is refused tells the way out', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  for (const [what, type, body, words] of REFUSED) {
    const { status, body: answer } = await postText(agent, body, { 'content-type': type });
    t.equal(status, 400, what);
    t.match(JSON.stringify(answer), words, what);
  }
});

t.test('leap seconds and the end of a day are times', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  for (const ts of [
    '2016-12-31T23:59:60Z',
    '2017-01-01T05:29:60.5+05:30',
    '2026-11-22T24:00:00+05:30',
    '2026-11-22T24:00Z',
  ])
    t.match(await postText(agent, JSON.stringify({ type: 'sale', ts })), { status: 201 }, ts);
});
