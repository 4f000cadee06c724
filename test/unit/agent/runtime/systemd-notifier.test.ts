import t, { type Test } from 'tap';
import {
  type Progress,
  type SystemdNotifierOptions,
  startSystemdNotifier,
  systemdNotify,
} from '../../../../agent/runtime/systemd-notifier.ts';
import { FakeTimers, until } from '../../../support/agent/fake-timers.ts';

const WATCHED = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '180000000', WATCHDOG_PID: '42' };

function scene(given: Partial<SystemdNotifierOptions> = {}) {
  const timers = new FakeTimers();
  const told: string[][] = [];
  const warned: string[] = [];
  const agent = { work: { begun: null, mark: 0 } as Progress, words: 'connected, nothing pending' };
  const service = startSystemdNotifier({
    environment: WATCHED,
    pid: 42,
    notify: async (assignments) => void told.push([...assignments]),
    work: () => agent.work,
    describe: () => agent.words,
    timers,
    warn: (message) => void warned.push(message),
    ...given,
  });
  /** A third of the watchdog's time, and what is told then. */
  const beat = async (): Promise<readonly string[]> => {
    await until(() => timers.waiting.length === 1, 'the next beat is set');
    const before = told.length;
    timers.advance(60_000);
    await until(() => told.length > before, 'something is told');
    return told[before]!;
  };
  return { service, timers, told, warned, agent, beat };
}

const said = (t: Test, told: readonly string[][], what: string[][]) =>
  until(() => told.length >= what.length, 'all is told').then(() => t.strictSame(told, what));

t.test('outside systemd nothing is told, and no timer runs', async (t) => {
  const { service, timers, told } = scene({ environment: { WATCHDOG_USEC: '1000000' } });
  service.ready();
  service.stopping();
  t.strictSame([told, timers.waiting], [[], []]);
});

t.test('ready is told with a line of words, in which a line break is none', async (t) => {
  const { service, told, agent } = scene();
  agent.words = 'two\nlines';
  service.ready();
  await said(t, told, [['READY=1', 'STATUS=two lines']]);
});

t.test('beats come three in the watchdog time, with the words of then', async (t) => {
  const { service, agent, beat } = scene();
  service.ready();
  t.strictSame(await beat(), ['WATCHDOG=1', 'STATUS=connected, nothing pending']);
  agent.words = 'no route to the collector';
  t.strictSame(await beat(), ['WATCHDOG=1', 'STATUS=no route to the collector']);
});

t.test(
  'a request that waits from one beat to the next without a commit stops the beats, until it is done',
  async (t) => {
    const { service, agent, beat, warned } = scene();
    service.ready();
    agent.work = { begun: 'a request waits for its commit', mark: 7 };
    t.equal((await beat())[0], 'WATCHDOG=1', 'it may just have come');
    t.strictSame(await beat(), ['STATUS=no progress: a request waits for its commit']);
    t.match(warned, [/no progress for 60 s: a request waits/]);
    agent.work = { begun: 'a request waits for its commit', mark: 8 };
    t.equal((await beat())[0], 'WATCHDOG=1', 'that one is done, the next waits');
  },
);

t.test('a buffer that can not be opened is alive as long as it is tried again', async (t) => {
  const { service, agent, beat } = scene();
  service.ready();
  for (const attempts of [3, 5, 7]) {
    agent.work = { begun: 'the buffer is opened', mark: attempts };
    t.equal((await beat())[0], 'WATCHDOG=1');
  }
  t.notMatch(await beat(), ['WATCHDOG=1']);
});

t.test('a watchdog for another process, or none, is not fed; the words are told each minute', async (t) => {
  for (const environment of [
    { NOTIFY_SOCKET: '@s', WATCHDOG_USEC: '1', WATCHDOG_PID: '41' },
    { NOTIFY_SOCKET: '@s' },
  ]) {
    const { service, beat } = scene({ environment });
    service.ready();
    t.strictSame(await beat(), ['STATUS=connected, nothing pending']);
  }
});

t.test('after stopping there are no beats', async (t) => {
  const { service, told, timers } = scene();
  service.ready();
  await until(() => timers.waiting.length === 1, 'ready is told');
  service.stopping();
  t.strictSame(timers.waiting, []);
  await said(t, told, [
    ['READY=1', 'STATUS=connected, nothing pending'],
    ['STOPPING=1', 'STATUS=stopping'],
  ]);
});

t.test('what cannot be told is warned of, and told again at the next beat', async (t) => {
  let broken = true;
  const told: string[] = [];
  const { service, warned, timers } = scene({
    notify: async ([first]) => {
      if (broken) throw new Error('spawn systemd-notify ENOENT');
      told.push(first!);
    },
  });
  service.ready();
  await until(() => timers.waiting.length === 1, 'the next beat is set');
  t.match(warned, [/cannot notify systemd of STATUS=connected, nothing pending: spawn systemd-notify ENOENT/]);
  broken = false;
  timers.advance(60_000);
  await until(() => told.length === 1, 'the beat is told');
  t.strictSame(told, ['READY=1'], 'before all else');
});

t.test('a command that fails is a fault', async (t) => {
  await t.rejects(systemdNotify(['READY=1']), /systemd-notify/, 'there is no NOTIFY_SOCKET here, or no such command');
});
