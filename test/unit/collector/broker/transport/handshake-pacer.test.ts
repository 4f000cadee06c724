import t from 'tap';
import { HandshakePacer } from '../../../../../collector/broker/transport/handshake-pacer.ts';

/** A pacer of two at once and one a second; the clock stands until it is moved. */
function standing() {
  const clock = { now: 0 };
  const pacer = new HandshakePacer({ burst: 2, perSecond: 1 }, () => clock.now);
  const started: string[] = [];
  const start = (address: string, name: string) => pacer.start(address, () => started.push(name));
  const second = (): void => {
    clock.now += 1_000;
    pacer.startDue();
  };
  return { start, started, second };
}

t.test('beyond the rate handshakes wait, addresses in turn', async (t) => {
  const { start, started, second } = standing();
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) start('a', name);
  start('b', 'b1');
  t.same(started, ['a1', 'a2']);
  for (let i = 0; i < 5; i++) second();
  t.same(started, ['a1', 'a2', 'a3', 'b1', 'a4', 'a5']);
});

t.test('who is closed while it waits takes no turn', async (t) => {
  const { start, started, second } = standing();
  const [, , forget] = ['a1', 'a2', 'a3', 'a4'].map((name) => start('a', name));
  forget!();
  second();
  t.same(started, ['a1', 'a2', 'a4']);
  second();
  start('a', 'a5');
  t.same(started.at(-1), 'a5', 'nobody waits any more');
});
