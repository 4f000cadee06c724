import { fileURLToPath } from 'node:url';
import t from 'tap';
import { TWO_WEEKS } from '../../../../scripts/datasets/online-retail/extracts.ts';
import { parseOptions } from '../../../../scripts/replay/options.ts';

const FILE = fileURLToPath(import.meta.url);
const parse = (...argv: string[]) => parseOptions(argv, new Date(1_300_000_000_000));

t.test('without a file it plays the two weeks that come with the repository', async (t) => {
  t.match(parse(), { file: TWO_WEEKS });
  t.match(parse('--batch', '7'), { file: TWO_WEEKS, batch: 7 });
});

t.test('a file alone is enough', async (t) => {
  t.match(parse(FILE), {
    file: FILE,
    speed: Number.POSITIVE_INFINITY,
    terminals: 3,
    batch: 1,
    store: 'sqlite',
    check: true,
  });
});

t.test('each run is a merchant of its own unless told otherwise', async (t) => {
  t.match(parse(FILE), { merchant: /^online-retail-[a-z0-9]+$/ });
  t.match(parse(FILE, '--merchant', 'acme'), { merchant: 'acme' });
});

t.test('what is wrong is named', async (t) => {
  t.match(parse('nowhere.csv.gz'), /no such file/);
  t.match(parse(FILE, '--speed', '-1'), /--speed/);
  t.match(parse(FILE, '--from', '2011-02-30'), /--from must be a date/);
  t.match(parse(FILE, '--terminals', '0'), /--terminals/);
  t.match(parse(FILE, '--store', 'paper'), /--store/);
  t.match(parse(FILE, '--merchant', 'Übel'), /--merchant/);
  t.match(parse(FILE, '--unknown'), /unknown/i);
});
