/** The documentation as somebody meets it who pastes its commands: they run, and print what the pages show. */
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { healthOf } from '../../../agent/inspect/facts/health.ts';
import type { Address } from '../../../agent/ship/connection/endpoint.ts';
import { explainError } from '../../../agent/ship/connection/explain-error.ts';
import { ROOT } from '../../../scripts/processes/child.ts';
import { differences } from '../../support/docs/differences.ts';
import { parsePage, readPage } from '../../support/docs/page.ts';
import { brokenLinks, missingPaths, missingProofs } from '../../support/docs/references.ts';
import { type Running, Workplace } from '../../support/docs/workplace.ts';

// A small machine takes seconds for each start.
t.setTimeout(300_000);

/** Each of these has examples, and what runs before the first of them. */
const PAGES: Readonly<Record<string, Running>> = {
  'README.md': 'nothing',
  'docs/till-api.md': 'agent',
  'docs/merchant-api.md': 'collector and agent',
  'docs/operate-collector.md': 'nothing',
  'docs/support.md': 'collector and agent',
};
const PROSE = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT }).sort()];
const MAX_README_LINES = 90;
const MAX_COLUMNS = 100;

for (const [name, running] of Object.entries(PAGES)) {
  t.test(`the examples of ${name} print what it shows`, async (t) => {
    const page = readPage(ROOT, name);
    t.ok(page.examples.length > 0, 'it has examples');
    t.ok(
      page.examples.some(({ shown }) => shown !== null),
      'and shows what they print',
    );
    const folder = t.testdir();
    await using workplace = await Workplace.open(folder, running);
    for (const example of page.examples) t.same(await workplace.run(example), [], example.place);
  });
}

t.test('every command of a page is run, or says why not', async (t) => {
  for (const name of ['README.md', ...globSync('docs/*.md', { cwd: ROOT }).sort()]) {
    const { lines, faults, examples, notRun } = readPage(ROOT, name);
    if (examples.length > 0) t.ok(Object.hasOwn(PAGES, name), `${name} is one of the pages that are run`);
    if (lines.some((line) => line.startsWith('```sh'))) t.same(faults, [], name);
    for (const { place, reason } of notRun) t.pass(`${place} is not run: ${reason}`);
  }
});

t.test('the page for support explains every state that the status can show', async (t) => {
  const { lines } = readPage(ROOT, 'docs/support.md');
  const table = lines.filter((line) => line.startsWith('| '));
  const shipping = [
    { connected: true, isHeldOff: false, explanation: 'connected' },
    { connected: false, isHeldOff: false, explanation: 'not connected' },
  ];
  for (const unavailable of [null, 'gone'])
    for (const full of [null, 'full'])
      for (const pending of [0, 1])
        for (const quarantined of [0, 1])
          for (const ship of shipping) {
            const facts = { unavailable, full, pending, shipping: ship, quarantined, recovery: null };
            const { level, title } = healthOf(facts);
            const shown = `${{ good: '●', warn: '▲', bad: '■' }[level]} ${title}`;
            t.ok(
              table.some((line) => line.split('|')[1]!.includes(shown)),
              shown,
            );
          }
});

t.test('the page for support explains why there is no connection, in the words of the status', async (t) => {
  const page = readPage(ROOT, 'docs/support.md').lines.join('\n');
  const refusals = [1, 2, 3, 4, 5].map((code) => ({ code }));
  const faults = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'ETIMEDOUT'].map((code) => ({
    code,
  }));
  const tls = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID', 'DEPTH_ZERO_SELF_SIGNED_CERT']
    .concat('ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO', 'ERR_OSSL_PEM_NO_START_LINE')
    .map((code) => ({ code }));
  const others = [{ message: 'Invalid header flag bits' }, { message: 'Unexpected server response: 404' }];
  for (const fault of [...refusals, ...faults, ...tls, ...others]) {
    const words = explainError(fault, { host: 'collector', port: 1883 } as Address);
    // Before what is told of the case at hand.
    const [said] = /^(?:TLS: )?[^:(,]+/.exec(words.replace(' cannot be looked up', '').replace(' is not known', ''))!;
    t.ok(page.includes(said.trim()), said);
  }
});

t.test('a block that nobody runs, and output that nothing printed, are faults', async (t) => {
  const page = (...lines: string[]) => parsePage('page.md', lines.join('\n'));
  t.same(page('```sh', 'ls', '```').faults, ['page.md:1 does not say whether it is run']);
  t.same(page('```json output', '{}', '```').faults, ['page.md:1 shows what no command before it printed']);
  t.same(page('```sh run until shown', 'ls', '```').faults, ['page.md:1 shows nothing to wait for']);
  t.same(page('```json', '{}', '```').faults, ['page.md:1 shows what no command before it printed']);
  t.match(page('```sh not run: needs root', 'ls', '```'), { faults: [], notRun: [{ reason: 'needs root' }] });
});

t.test('what differs from the page is found', async (t) => {
  const inJson = (shown: string, printed: string, mode: 'output' | 'shape' = 'output') =>
    differences({ mode, isJson: true, text: shown }, printed);
  const stream = (epoch: string) => `{"stream":"till-1.${epoch}","firstSeq":1}`;
  t.same(inJson(stream('1fef4f3a7fed8b82'), stream('5f4dc7120cb449bd')), [], 'another stream is one of its kind');
  t.same(inJson(stream('1fef4f3a7fed8b82'), stream('none')).length, 1);
  t.same(inJson('{"a":1}', '{"a":2}'), ['/a is 2, the page shows 1']);
  t.same(inJson('{"a":1}', '{"a":2}', 'shape'), []);
  t.same(inJson('{"a":[1]}', '{"a":[]}', 'shape'), ['/a is empty']);
  t.same(inJson('{"a":1}', '{"a":1,"b":2}'), ['/b is not on the page']);
  t.same(inJson('{"a":1,"…":"…"}', '{"a":1,"b":2}'), []);
  t.same(
    inJson('{"at":"2026-11-22T09:30:00.000Z"}', '{"at":"2026-11-22T10:30:00.000Z"}').length,
    1,
    'a time that was sent',
  );
  t.same(inJson('{"at":"2026-11-30T08:39:06.957Z"}', '{"at":"2027-01-01T00:00:00.000Z"}'), [], 'a time of the clock');
  const inText = (shown: string, printed: string) =>
    differences({ mode: 'output', isJson: false, text: shown }, printed);
  t.same(inText('HTTP 201', 'HTTP 200'), ['line 1 is "HTTP 200", the page shows "HTTP 201"']);
  t.same(inText('a', 'a\nb'), ['line 2, "b", is not on the page']);
  t.same(inText('a\n…\nd', 'a\nb\nc\nd'), []);
});

t.test('the README fits on a screen or two', async (t) => {
  const { lines } = readPage(ROOT, 'README.md');
  t.ok(lines.length <= MAX_README_LINES, `${lines.length} lines`);
});

t.test('no line of a page that is pasted from is too wide', async (t) => {
  for (const name of Object.keys(PAGES)) {
    const { lines } = readPage(ROOT, name);
    const wide = lines.flatMap((line, index) => ([...line].length > MAX_COLUMNS ? [`${name}:${index + 1}`] : []));
    t.same(wide, []);
  }
});

t.test('links, paths and tests that the documentation names are there', async (t) => {
  const seen = { links: 0, paths: 0, proofs: 0 };
  for (const name of PROSE.filter((name) => existsSync(path.join(ROOT, name)))) {
    const links = brokenLinks(ROOT, name);
    const paths = missingPaths(ROOT, name);
    const proofs = missingProofs(ROOT, name);
    t.same([...links.broken, ...paths.missing, ...proofs.missing], [], name);
    seen.links += links.seen;
    seen.paths += paths.seen;
    seen.proofs += proofs.seen;
  }
  t.ok(
    seen.links > 0 && seen.paths > 0 && seen.proofs > 0,
    `${seen.links} links, ${seen.paths} paths, ${seen.proofs} tests`,
  );
});
