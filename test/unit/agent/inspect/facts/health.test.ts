import t from 'tap';
import { type HealthFacts, healthOf } from '../../../../../agent/inspect/facts/health.ts';

const FINE: HealthFacts = {
  unavailable: null,
  full: null,
  pending: 0,
  quarantined: 0,
  salvage: null,
  shipping: { connected: true, held: false, words: 'connected' },
};
const OFFLINE = { connected: false, held: false, words: 'not connected: no route; tries again by itself' };

t.test('how things stand in a few words', async (t) => {
  const cases: [string, Partial<HealthFacts>, ReturnType<typeof healthOf>['level'], string, RegExp][] = [
    ['nothing waits', {}, 'good', 'All shipped', /Nothing waits/],
    ['something is on its way', { pending: 3 }, 'good', 'Shipping', /3 events wait for the collector\./],
    ['no network', { pending: 1, shipping: OFFLINE }, 'warn', 'Not shipping', /Not connected: no route.*1 event waits/],
    ['no network, nothing to ship', { shipping: OFFLINE }, 'warn', 'Not connected', /0 events wait/],
    [
      'the collector takes nothing',
      { pending: 2, shipping: { connected: true, held: true, words: 'connected, but it is busy' } },
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
      /The disk is gone\. The till is told/,
    ],
    ['refused events', { quarantined: 1 }, 'warn', 'All shipped', /1 quarantined: the collector refused it/],
    ['a salvage', { salvage: 'recovering x' }, 'warn', 'All shipped', /Recovering x\./],
  ];
  for (const [name, facts, level, title, words] of cases) {
    const state = healthOf({ ...FINE, ...facts });
    t.match(state, { level, title }, name);
    t.match(state.words.join(' '), words, name);
  }
});
