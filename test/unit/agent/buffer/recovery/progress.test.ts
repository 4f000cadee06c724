import Sqlite from 'better-sqlite3';
import t from 'tap';
import {
  listSetAside,
  type RecoveryPhase,
  type RecoveryProgress,
  recordSetAside,
  saveProgress,
} from '../../../../../agent/buffer/recovery/progress.ts';
import { prepareSchema } from '../../../../../agent/buffer/tables/schema.ts';
import { MERCHANT, TERMINAL } from '../../../../support/agent/events.ts';

t.test(
  'a phase follows on the one before as docs/recovery.md has it, and shipping ahead is not taken back',
  async (t) => {
    const path = `${t.testdir()}/buffer.db`;
    const db = new Sqlite(path);
    t.teardown(() => db.close());
    prepareSchema(db, path, { merchant: MERCHANT, terminal: TERMINAL });
    const [file] = recordSetAside(db, path, { name: 'buffer.db.damaged-20261130T000000Z', why: 'test' }, null, []);
    const save = (from: Partial<RecoveryProgress>, to: Partial<RecoveryProgress>) => {
      const before = { ...file!.progress, ...from };
      saveProgress(db, { ...file!, progress: before }, { ...before, ...to });
    };
    const allowed = 'ledger-ledger ledger-pages pages-pages pages-strays pages-imported strays-strays strays-imported '
      .concat('imported-imported imported-done done-done')
      .split(' ');
    const phases: RecoveryPhase[] = ['ledger', 'pages', 'strays', 'imported', 'done'];
    for (const from of phases) {
      for (const to of phases) {
        const step = () => save({ phase: from }, { phase: to });
        if (allowed.includes(`${from}-${to}`)) {
          step();
          t.match(listSetAside(db), [{ progress: { phase: to } }], `${from} -> ${to}`);
        } else t.throws(step, { name: 'AssertionError', message: `${from} -> ${to}` });
      }
    }
    t.throws(() => save({ isAhead: true }, { isAhead: false }), { name: 'AssertionError' });
  },
);
