import t from 'tap';
import { Parser } from 'tap-parser';
import { countInto, noCounts, summary } from '../../../../scripts/ci/tap-counts.ts';

function counted(tap: string) {
  const counts = noCounts();
  const parser = new Parser();
  countInto(counts, parser);
  parser.end(tap);
  return counts;
}

/** A test file with these lines, as tap's runner reports it. */
function file(ok: boolean, lines: string[], ending = ''): string {
  const inner = lines.map((line) => `    ${line}\n`).join('');
  return `TAP version 14\n# Subtest: a.test.ts\n${inner}${ok ? 'ok' : 'not ok'} 1 - a.test.ts${ending}\n1..1\n`;
}

t.test('assertions are counted, not the tests around them', async (t) => {
  const lines = [
    '# Subtest: one',
    '    ok 1 - yes',
    '    ok 2 - yes',
    '    1..2',
    'ok 1 - one',
    'ok 2 - three',
    '1..2',
  ];
  t.match(counted(file(true, lines)), { passed: 3, failed: 0, skipped: 0 });
});

t.test('a failure is counted once and told with the way to it', async (t) => {
  const lines = [
    '# Subtest: one',
    '    ok 1 - yes',
    '    not ok 2 - no',
    '      ---',
    '      diff: x',
    '      ...',
    '    1..2',
  ];
  const counts = counted(file(false, [...lines, 'not ok 1 - one', '1..1']));
  t.match(counts, { passed: 1, failed: 1, skipped: 0 });
  t.same(counts.failures, [{ at: ['a.test.ts', 'one', 'no'], diagnostics: { diff: 'x' } }]);
});

t.test('a file that fails without a failed assertion counts', async (t) => {
  const counts = counted(file(false, ['ok 1 - yes', '1..1']));
  t.match(counts, { passed: 1, failed: 1, failures: [{ at: ['a.test.ts'] }] });
});

t.test('a file that crashes before its first assertion counts', async (t) => {
  t.match(counted(file(false, ['1..0 # no tests found'])), { passed: 0, failed: 1 });
});

t.test('a file without tests fails, though tap calls it skipped', async (t) => {
  const counts = counted(file(true, ['1..0 # no tests found'], ' # SKIP no tests found'));
  t.match(counts, {
    passed: 0,
    failed: 1,
    skipped: 0,
    failures: [{ diagnostics: { message: 'nothing was asserted' } }],
  });
});

t.test('a test without an assertion fails, though tap lets it pass', async (t) => {
  const lines = ['# Subtest: one', '    1..0', 'ok 1 - one', '1..1'];
  t.match(counted(file(true, lines)), { passed: 0, failed: 1, failures: [{ at: ['a.test.ts', 'one'] }] });
});

t.test('skipped and planned tests are told with their reason', async (t) => {
  const counts = counted(
    file(true, ['ok 1 - later # SKIP no HBase here', 'not ok 2 - soon # TODO', 'ok 3 - yes', '1..3']),
  );
  t.match(counts, { passed: 1, failed: 0, skipped: 2 });
  t.same(counts.skips, [
    { at: ['a.test.ts', 'later'], reason: 'no HBase here' },
    { at: ['a.test.ts', 'soon'], reason: 'no reason given' },
  ]);
});

t.test('a point of the runner itself, such as a timeout, counts', async (t) => {
  const counts = counted('TAP version 14\nnot ok 1 - timeout!\n  ---\n  expired: d.test.ts\n  ...\n1..1\n');
  t.match(counts, { failed: 1, failures: [{ at: ['timeout!'], diagnostics: { expired: 'd.test.ts' } }] });
});

t.test('the summary names skips only where there are any', async (t) => {
  t.equal(summary({ passed: 12, failed: 0, skipped: 0 }), '12 passed, 0 failed');
  t.equal(summary({ passed: 1, failed: 2, skipped: 3 }), '1 passed, 2 failed, 3 skipped');
});
