/** A tenth of the campaign `hostile` (`npm run campaign -- hostile`): attacks beside honest users who must not notice. */
import t from 'tap';
import { ATTACKS } from '../../../scripts/campaigns/hostile/attacks/catalogue.ts';
import { BOUNDS } from '../../../scripts/campaigns/hostile/judge.ts';
import { resultTable } from '../../../scripts/campaigns/hostile/result-table.ts';
import { runAttacks } from '../../../scripts/campaigns/hostile/run-attacks.ts';

t.setTimeout(420_000);

/** One of each kind; their faults took seconds, or ended the process. */
const A_TENTH = [
  'item-bomb-roll-up',
  'item-bomb-open-hour',
  'item-bomb-ten-connections',
  'pipelined-metrics',
  'century-totals',
  'one-token-many-sessions',
  'half-open-sockets',
  'websocket-fragments',
  'refused-connects',
  'mqtt-3.1',
  'pingreq-flood',
  'invented-epochs',
];

t.test(
  'a dozen attacks: memory, log and figures stay within their bounds, and nobody honest is kept waiting',
  async (t) => {
    const attacks = ATTACKS.filter(({ name }) => A_TENTH.includes(name));
    t.equal(attacks.length, A_TENTH.length);
    const results = await runAttacks(
      {
        folder: t.testdir(),
        attacks,
        seconds: 2,
        storeOf: () => null,
        from: process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1',
        // Other tests run at the same time: a wait says less here than in the whole campaign.
        bounds: { ...BOUNDS, honestP99Ms: 3_000 },
        signal: AbortSignal.timeout(400_000),
      },
      () => undefined,
    );
    for (const { name, faults } of results) t.strictSame(faults, [], name);
    t.equal(results.length, attacks.length, 'all have run');
    t.comment(resultTable(results));
  },
);
