import t from 'tap';
import { parseOptions, portsOf, type StartOptions } from '../../../../scripts/start/options.ts';

t.test('without options the ports are those of the contracts', async (t) => {
  t.strictSame(
    portsOf(parseOptions([]) as StartOptions).map(({ port }) => port),
    [8080, 1883, 7070, 7071],
  );
});

t.test('what is wrong is named', async (t) => {
  for (const [flag, value] of [
    ['--http-port', '0'],
    ['--mqtt-port', 'none'],
    ['--agent-port', '65535'],
    ['--rate', '-1'],
    ['--days', '1.5'],
    ['--for', '0'],
  ] as const)
    t.match(parseOptions([flag, value]), new RegExp(`^(Option '${flag}'|${flag} must)`));
  t.match(parseOptions(['--prot', '1']), /--prot/);
});

t.test('help is asked for', async (t) => {
  t.equal(parseOptions(['--help']), null);
});
