import { existsSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { reuniteWal, setAsideNames } from '../../../../../agent/buffer/disk/set-aside-files.ts';

/** The names of files beside `buffer.db`, by their suffixes. */
const beside = (folder: string, suffixes: readonly string[]) => {
  for (const suffix of suffixes) writeFileSync(`${folder}/buffer.db${suffix}`, '');
  return `${folder}/buffer.db`;
};

t.test('set-aside files are listed by their times, whatever their kinds; those of one second by number', async (t) => {
  const oldestFirst = [
    '.migrating-20261129T080000Z',
    '.damaged-20261130T080000Z',
    '.damaged-20261130T080000Z-2',
    '.migrating-20261130T080000Z-10',
    '.damaged-20261130T080001Z',
  ];
  const path = beside(t.testdir(), oldestFirst.toReversed());
  t.same(
    setAsideNames(path),
    oldestFirst.map((suffix) => `buffer.db${suffix}`),
  );
});

t.test('a WAL that a kill left alone follows the database that was set aside last', async (t) => {
  const path = beside(t.testdir(), ['.migrating-20261129T080000Z', '.damaged-20261130T080000Z', '-wal']);
  reuniteWal(path);
  t.ok(existsSync(`${path}.damaged-20261130T080000Z-wal`));
  t.notOk(existsSync(`${path}-wal`));
});
