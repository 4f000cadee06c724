import t from 'tap';
import { COMMAND_NAMES, COMMANDS } from '../../../../agent/cli/command-table.ts';
import { helpJson, helpText } from '../../../../agent/cli/help.ts';
import { parseCommand } from '../../../../agent/cli/parse-arguments.ts';
import { ANY_EVENT } from '../../../../agent/inspect/facts/paging.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { NOW } from '../../../support/agent/events.ts';

const parse = (...words: string[]) => parseCommand(words, NOW);
const SOURCE = { config: null, buffer: null };

t.test('commands', async (t) => {
  t.strictSame(parse('run', '--config', 'a.yaml'), {
    name: 'run',
    source: { config: 'a.yaml', buffer: null },
    json: false,
  });
  t.strictSame(parse('status', '--json', '--config=a.yaml'), {
    name: 'status',
    source: { config: 'a.yaml', buffer: null },
    json: true,
  });
  t.strictSame(parse('verify', '--buffer', 'x.db'), {
    name: 'verify',
    source: { config: null, buffer: 'x.db' },
    json: false,
  });
  t.strictSame(parse('bundle', '--output', 'o', '--log', 'l'), {
    name: 'bundle',
    source: SOURCE,
    json: false,
    output: 'o',
    log: 'l',
  });
});

t.test('help is for all commands or for one, as text or as JSON', async (t) => {
  t.strictSame(parse('--help'), { name: 'help', of: null, json: false });
  t.strictSame(parse('run', '-h'), { name: 'help', of: 'run', json: false });
  t.strictSame(parse('peek', '--help', '--json'), { name: 'help', of: 'peek', json: true });
  for (const name of COMMAND_NAMES) {
    t.match(helpText(null), new RegExp(`^  ${name} `, 'm'));
    const text = helpText(name);
    for (const option of COMMANDS[name].options) t.match(text, `--${option}`);
    t.match(text, /^Examples\n {2}tillstream-agent /m, `${name} has examples`);
    t.match(helpJson(name), { command: name, examples: [/^tillstream-agent /] });
    t.ok(
      text.split('\n').every((line) => line.length <= 140),
      `${name} fits on a screen`,
    );
  }
  t.match(helpJson(null), { commands: COMMAND_NAMES.map((command) => ({ command })) });
});

t.test('events are named by filters', async (t) => {
  t.match(parse('peek'), { filter: ANY_EVENT, limit: 20, order: 'newest', showValues: false });
  t.match(
    parse('peek', '--state', 'pending,acked', '--stream', 'till-1.0123456789abcdef', '--seq', '3-5', '--oldest'),
    {
      filter: { states: ['pending', 'acked'], stream: 'till-1.0123456789abcdef', seqs: { first: 3, last: 5 } },
      order: 'oldest',
    },
  );
  t.match(parse('export', '--type', 'sale', '--ref', 'R-1', '--limit', '7'), {
    filter: { type: 'sale', ref: 'R-1' },
    limit: 7,
  });
  t.match(parse('export', '--from', '2h', '--to', '2026-11-22T09:30:00+05:30'), {
    filter: { from: NOW - 2 * HOUR_MS, to: Date.UTC(2026, 10, 22, 4) },
    limit: Number.POSITIVE_INFINITY,
  });
  t.match(parse('peek', '--from', '2026-11-22'), { filter: { from: Date.UTC(2026, 10, 22) } });
});

t.test('requeue names events by stream and seq, or all', async (t) => {
  t.match(parse('requeue', '--all', '--dry-run'), { events: null, dryRun: true });
  t.match(parse('requeue', '--stream', 'till-1.0123456789abcdef', '--seq', '4'), {
    events: { epoch: '0123456789abcdef', firstSeq: 4, lastSeq: 4 },
    dryRun: false,
  });
});

t.test('what is wrong is told', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /a command is missing: one of run, status, peek/],
    [['walk'], /there is no command walk/],
    [['run', '--config'], /--config/],
    [['status', 'extra', '--config', 'x'], /status takes no extra/],
    [['run', '--cofnig', 'x'], /--cofnig/],
    [['run', '--limit', '3'], /run takes no --limit/],
    [['run', '--buffer', 'x'], /run takes no --buffer/],
    [['status', '--buffer', ''], /--buffer is empty: give it a FILE/],
    [['peek', '--state', 'lost'], /--state lost: give pending, acked, quarantined/],
    [['peek', '--limit', '0'], /--limit 0: give a whole number from 1/],
    [['peek', '--seq', '5-3'], /--seq 5-3: give a number/],
    [['peek', '--stream', 'till-1'], /--stream till-1: give it as the agent reports it/],
    [['peek', '--from', 'yesterday'], /--from yesterday: give a time/],
    [['requeue'], /requeue needs --stream STREAM and --seq N, or --all/],
    [['requeue', '--all', '--seq', '3'], /requeue needs/],
    [['requeue', '--stream', 'till-1.0123456789abcdef'], /requeue needs/],
  ];
  for (const [words, message] of cases)
    t.throws(() => parse(...words), { name: 'UsageError', message }, words.join(' '));
});
