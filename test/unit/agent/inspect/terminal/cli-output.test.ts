import { PassThrough } from 'node:stream';
import t from 'tap';
import { cliOutputOn } from '../../../../../agent/inspect/terminal/cli-output.ts';
import { colorsFor, PLAIN } from '../../../../../agent/inspect/terminal/colors.ts';
import { list, printable, table } from '../../../../../agent/inspect/terminal/table.ts';

function scene(terminal: boolean, environment: Record<string, string> = {}) {
  const output = Object.assign(new PassThrough(), { isTTY: terminal });
  const errors = Object.assign(new PassThrough(), { isTTY: terminal });
  const clock = { now: 0 };
  const screen = cliOutputOn(output, errors, environment, () => clock.now);
  // From Node 26 on a read gives one piece at a time.
  const text = (stream: PassThrough): string => {
    let all = '';
    for (let piece = stream.read(); piece !== null; piece = stream.read()) all += piece;
    return all;
  };
  return { screen, clock, output: () => text(output), errors: () => text(errors) };
}

t.test('the result goes to standard output, all else to standard error', async (t) => {
  const { screen, output, errors } = scene(false);
  t.equal(screen.printed, false);
  screen.message('beside');
  t.equal(screen.printed, false, 'a note is no result');
  await screen.result('result\n');
  t.equal(screen.printed, true);
  t.equal(output(), 'result\n');
  t.equal(errors(), 'beside\n');
});

t.test('a progress bar is drawn on a terminal alone, not too often, and cleared', async (t) => {
  const piped = scene(false);
  piped.screen.progress('verifying', 0.5);
  t.equal(piped.errors(), '');
  const { screen, clock, errors } = scene(true);
  screen.progress('verifying', 0.5);
  t.equal(errors(), `\r\x1b[Kverifying ${'█'.repeat(15)}${'░'.repeat(15)}  50 %`);
  clock.now = 50;
  screen.progress('verifying', 0.6);
  t.equal(errors(), '');
  clock.now = 100;
  screen.progress('verifying', 0.7);
  t.match(errors(), '70 %');
  screen.message('done');
  t.equal(errors(), '\r\x1b[Kdone\n');
});

t.test('colours are for a terminal, unless NO_COLOR is set', async (t) => {
  t.equal(colorsFor(true, {}).bad('x'), '\x1b[31mx\x1b[39m');
  t.equal(colorsFor(true, { NO_COLOR: '1' }).bad('x'), 'x');
  t.equal(colorsFor(true, { NO_COLOR: '' }).bad('x'), '\x1b[31mx\x1b[39m', 'an empty one does not count');
  t.equal(colorsFor(true, { TERM: 'dumb' }).bad('x'), 'x');
  t.equal(colorsFor(false, {}).bad('x'), 'x');
});

t.test('columns are aligned, also where cells are painted', async (t) => {
  const paint = colorsFor(true, {});
  t.equal(
    table(
      [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: 'REST' }],
      [
        [paint.bad('a'), '1', 'x'],
        ['longer', '1,000', ''],
      ],
      PLAIN,
    ),
    ['NAME        N  REST', '\x1b[31ma\x1b[39m           1  x', 'longer  1,000', ''].join('\n'),
  );
  t.equal(
    list(
      [
        ['a', '1'],
        ['long', '2'],
      ],
      PLAIN,
    ),
    'a     1\nlong  2\n',
  );
});

t.test('what a file holds steers no terminal', async (t) => {
  t.equal(printable('a\x1b[2Jb\nc\u202ed'), 'a\ufffd[2Jb\ufffdc\ufffdd');
});
