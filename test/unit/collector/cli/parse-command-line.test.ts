import t from 'tap';
import type { Usage } from '../../../../collector/cli/command.ts';
import { parseCommandLine } from '../../../../collector/cli/parse-command-line.ts';

const usage = (name: string, options: Usage['options'] = {}): Usage => ({
  ...{ name, summary: `does ${name}`, options, help: Object.keys(options).map((key) => `--${key}`), examples: [name] },
});
const USAGES = [usage('init'), usage('keys add', { merchant: { type: 'string' } }), usage('keys list')];
const parse = (line: string) => parseCommandLine(line.split(' ').filter(Boolean), USAGES);

t.test('a command of one or two words comes with its options', async (t) => {
  t.match(parse('init --config c.yaml'), { kind: 'command', usage: { name: 'init' }, given: { config: 'c.yaml' } });
  const given = { merchant: 'acme', json: true, config: 'c' };
  t.match(parse('keys add --merchant acme --json --config=c'), { usage: { name: 'keys add' }, given });
});

t.test('an unknown name is reported with the known ones', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /^name a command: init, keys add, keys list; see --help/],
    ['--json', /^name a command/],
    ['dance', /^there is no command "dance"; the commands are init, keys add, keys list$/],
    ['keys', /^there is no command "keys"; the commands are keys add, keys list$/],
    ['keys remove', /the commands are keys add, keys list$/],
    ['init now', /^there is no command "init now"/],
    ['init --speed 3', /^init: Unknown option '--speed'/],
    ['keys add --merchant', /^keys add: Option '--merchant <value>' argument missing/],
    ['init --config c yes', /^init: Unexpected argument 'yes'/],
  ];
  for (const [line, says] of cases) t.throws(() => parse(line), { name: 'UsageError', message: says }, line);
});

t.test('commands of later versions are known by name', async (t) => {
  for (const line of ['export', 'export --config c'])
    t.same(parse(line), { kind: 'not-yet', name: line.split(' ')[0] });
});

t.test('--help describes all, a group, or of one with its options and examples', async (t) => {
  const textOf = (line: string): string => {
    const called = parse(line);
    return called.kind === 'help' ? called.text : '';
  };
  for (const line of ['--help', '-h', 'help']) {
    t.match(textOf(line), /Usage: node collector\/main.ts COMMAND/);
    t.match(textOf(line), / {2}keys add +does keys add\n/);
    t.match(textOf(line), /Not available yet: export/);
    t.match(textOf(line), /Exit codes: 0/);
  }
  t.match(textOf('keys --help'), /keys add: does keys add[\s\S]*keys list: does keys list/);
  t.match(
    textOf('keys add --help --nonsense'),
    /--merchant\n[\s\S]*--config FILE[\s\S]*Examples:\n {2}node collector\/main.ts keys add\n/,
  );
});
