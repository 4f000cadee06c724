import t from 'tap';
import { type HealthFacts, healthOf } from '../../../../../agent/inspect/facts/health.ts';

const FINE: HealthFacts = {
  unavailable: null,
  full: null,
  pending: 0,
  quarantined: 0,
  recovery: null,
  shipping: { connected: true, isHeldOff: false, explanation: 'connected' },
};
const OFFLINE = { connected: false, isHeldOff: false, explanation: 'not connected: no route; retries automatically' };

t.test('how things stand in a few words', async (t) => {
  const cases: [string, Partial<HealthFacts>, ReturnType<typeof healthOf>['level'], string, RegExp][] = [
    ['nothing waits', {}, 'good', 'All shipped', /Nothing is pending/],
    ['something is on its way', { pending: 3 }, 'good', 'Shipping', /3 events pending\./],
    [
      'no network',
      { pending: 1, shipping: OFFLINE },
      'warn',
      'Not shipping',
      /Not connected: no route.*1 event pending/,
    ],
    ['no network, nothing to ship', { shipping: OFFLINE }, 'warn', 'Not connected', /0 events pending/],
    [
      'the collector takes nothing',
      { pending: 2, shipping: { connected: true, isHeldOff: true, explanation: 'connected, but it is busy' } },
      'warn',
      'Not shipping',
      /Connected, but it is busy/,
    ],
    ['full', { full: 'the disk has no space left', pending: 9 }, 'bad', 'Buffer full', /The disk has no space left\./],
    [
      'no buffer',
      { unavailable: 'the disk is gone', full: 'x' },
      'bad',
      'No buffer',
      /The disk is gone\. New sales are refused/,
    ],
    ['refused events', { quarantined: 1 }, 'warn', 'All shipped', /1 quarantined: the collector refused it/],
    ['a recovery', { recovery: 'recovering x' }, 'warn', 'All shipped', /Recovering x\./],
  ];
  for (const [name, facts, level, title, words] of cases) {
    const state = healthOf({ ...FINE, ...facts });
    t.match(state, { level, title }, name);
    t.match(state.words.join(' '), words, name);
  }
});
