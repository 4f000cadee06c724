import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type State, StateFile } from '../../../../scripts/start/state-file.ts';

const STATE: State = {
  key: 'k',
  tokens: ['t1', 't2'],
  seed: 7,
  timeZone: 'Asia/Kolkata',
  history: { until: 1_300_000_000_000, days: 5, sent: false },
};

t.test('what was written is read again, and nobody else may read it', async (t) => {
  const folder = t.testdir();
  const file = new StateFile(folder);
  t.equal(file.read(), null, 'nothing before the first start');
  file.write(STATE);
  t.strictSame(file.read(), STATE);
  t.equal(statSync(path.join(folder, 'quickstart.json')).mode & 0o777, 0o600);
});

t.test('a damaged file is told, with the way out', async (t) => {
  const folder = t.testdir();
  writeFileSync(path.join(folder, 'quickstart.json'), '{');
  t.throws(() => new StateFile(folder).read(), { message: /is damaged: delete the folder to begin anew/ });
});
