import t from 'tap';
import { train } from '../../../../scripts/train-dictionary/zstd-train.ts';

t.test('a machine without the command zstd is told what is missing, in one line', async (t) => {
  const before = process.env.PATH;
  process.env.PATH = t.testdir();
  t.teardown(() => {
    process.env.PATH = before;
  });
  t.throws(() => train([Buffer.from('sample')], 1, 1_024), {
    message: /^the command zstd is missing: install it [^\n]*$/,
  });
});
