import Sqlite from 'better-sqlite3';
import t from 'tap';
import { Losses } from '../../../../../agent/buffer/losses.ts';
import { encodeBody, STATE, type State } from '../../../../../agent/buffer/row.ts';
import type { EventFinding } from '../../../../../agent/buffer/salvage/findings.ts';
import { Import } from '../../../../../agent/buffer/salvage/import.ts';
import { Places } from '../../../../../agent/buffer/salvage/place.ts';
import { prepareSchema } from '../../../../../agent/buffer/schema.ts';
import { epoch as epochOf } from '../../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../../shared/time.ts';
import { MERCHANT, NOW, parsed, sale, TERMINAL } from '../../events.ts';

const EPOCH = epochOf('0123456789abcdef');
const HOUR = Math.floor(NOW / HOUR_MS);
const BODY = Buffer.from(encodeBody(parsed(sale('R-1'))));

const found = (seq: number, state: State): EventFinding => ({
  ...{ kind: 'event', epoch: EPOCH, seq, hour: HOUR, state, at: NOW, reason: null, body: BODY },
});

/** Two events of one content are found, of which the first was given up before the other was accepted. */
for (const [order, seqs] of [
  ['before', [1, 9]],
  ['after', [9, 1]],
] as const) {
  for (const [name, state] of [
    ['waits', STATE.pending],
    ['was stored', STATE.acked],
  ] as const) {
    t.test(`what was given up, and is found ${order} its repeat, which ${name}, is a duplicate`, async (t) => {
      const db = new Sqlite(':memory:');
      prepareSchema(db, 'buffer.db', { merchant: MERCHANT, terminal: TERMINAL });
      const losses = new Losses(db, t.fail);
      const clocks = { broughtOver: () => t.fail('nothing is known of a clock') };
      const places = new Places(db, []);
      const into = new Import({
        ...{ db, terminal: TERMINAL, places, losses, clocks },
        marks: new Map(),
        now: () => NOW,
      });
      const loss = {
        epoch: EPOCH,
        first_seq: 1,
        count: 1,
        hour: HOUR,
        reason: 'evicted',
        at: NOW,
        detail: null,
        acked: 0,
      };
      into.take({ kind: 'loss', loss });
      for (const seq of seqs) into.take(found(seq, seq === 1 ? STATE.pending : state));
      t.same(db.prepare('SELECT seq, state FROM events ORDER BY seq').all(), [
        { seq: 1, state: STATE.quarantined },
        { seq: 9, state },
      ]);
      t.match(losses.unsent(10), [{ loss: { reason: 'evicted' } }, { loss: { reason: 'duplicate' } }]);
      db.close();
    });
  }
}
