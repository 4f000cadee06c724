import t from 'tap';
import { ConnectionLog } from '../../../../agent/monitoring/connection-log.ts';
import { NOW } from '../../../support/agent/events.ts';

t.test('what is logged is kept and told on; the newest comes first, repeats are counted', async (t) => {
  let clock = NOW;
  const told: string[] = [];
  const log = new ConnectionLog(
    { info: (words) => told.push(`info ${words}`), warn: (words) => told.push(`warn ${words}`) },
    () => clock++,
  );
  log.warn('no route');
  log.warn('no route');
  log.info('connected');
  t.same(told, ['warn no route', 'warn no route', 'info connected']);
  t.strictSame(log.events(), [
    { at: NOW + 2, level: 'info', message: 'connected', times: 1 },
    { at: NOW + 1, level: 'warn', message: 'no route', times: 2 },
  ]);
});

t.test('fifty are kept, and of long words the beginning', async (t) => {
  const log = new ConnectionLog({ info: () => {}, warn: () => {} }, () => NOW);
  for (let at = 0; at < 80; at++) log.info(`${at} ${'x'.repeat(1_000)}`);
  const events = log.events();
  t.equal(events.length, 50);
  t.match(events[0]!.message, /^79 x/);
  t.match(events.at(-1)!.message, /^30 x/);
  t.ok(events.every(({ message }) => message.length === 300));
});
