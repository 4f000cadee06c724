import { readFileSync } from 'node:fs';
import t from 'tap';
import { dictionarySource } from '../../../../scripts/train-dictionary/write-dictionary-file.ts';
import { NEWEST } from '../../../../shared/wire/dictionaries/released.ts';

t.test('the file of a released dictionary is as the script writes it', async (t) => {
  const file = new URL(`../../../../shared/wire/dictionaries/dictionary-${NEWEST.id}.ts`, import.meta.url);
  t.equal(readFileSync(file, 'utf8'), dictionarySource(NEWEST.id, NEWEST.bytes));
});
