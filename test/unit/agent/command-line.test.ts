import t from 'tap';
import { parseCommand } from '../../../agent/command-line.ts';

t.test('commands', async (t) => {
  t.same(parseCommand(['run', '--config', 'a.yaml']), { name: 'run', config: 'a.yaml', json: false });
  t.same(parseCommand(['status', '--json', '--config=a.yaml']), { name: 'status', config: 'a.yaml', json: true });
  t.same(parseCommand(['--help']), { name: 'help' });
  t.same(parseCommand(['run', '-h']), { name: 'help' });
});

t.test('what is wrong is told', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /a command is missing: one of run, status/],
    [['walk'], /there is no command walk/],
    [['run'], /run needs --config FILE/],
    [['run', '--config'], /--config/],
    [['status', 'extra', '--config', 'x'], /status takes no extra/],
    [['run', '--cofnig', 'x'], /--cofnig/],
  ];
  for (const [words, message] of cases)
    t.throws(() => parseCommand(words), { name: 'UsageError', message }, words.join(' '));
});
