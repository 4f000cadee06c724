import { EventEmitter } from 'node:events';
import t from 'tap';
import { onInterrupt } from '../../../../scripts/processes/interrupts.ts';

function listening() {
  const heard: string[] = [];
  const source = new EventEmitter();
  const clock = { now: 0 };
  const stop = onInterrupt({
    source,
    first: (signal) => heard.push(signal),
    again: () => heard.push('again'),
    now: () => clock.now,
  });
  const press = (at: number, signal = 'SIGINT') => {
    clock.now = at;
    source.emit(signal, signal);
  };
  return { heard, press, stop, source };
}

t.test('the first Ctrl-C is told apart from the second', async (t) => {
  const { heard, press } = listening();
  press(1000);
  press(3000);
  t.strictSame(heard, ['SIGINT', 'again']);
});

t.test('one Ctrl-C that npm passes on again is one', async (t) => {
  const { heard, press } = listening();
  press(1000);
  press(1002);
  press(1010);
  t.strictSame(heard, ['SIGINT']);
});

t.test('after the end nobody listens', async (t) => {
  const { source, stop } = listening();
  stop();
  t.equal(source.listenerCount('SIGINT'), 0);
});
