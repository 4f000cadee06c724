import { readFileSync } from 'node:fs';
import t from 'tap';
import { NEWEST as OF_CELLS } from '../../../../collector/aggregation/message-pack/dictionaries/released.ts';
import { dictionarySource } from '../../../../scripts/train-dictionary/write-dictionary-file.ts';
import { NEWEST } from '../../../../shared/wire/dictionaries/released.ts';

t.test('the file of a released dictionary is as the script writes it', async (t) => {
  const file = new URL(`../../../../shared/wire/dictionaries/dictionary-${NEWEST.id}.ts`, import.meta.url);
  t.equal(readFileSync(file, 'utf8'), dictionarySource(NEWEST.id, NEWEST.bytes, 'batches'));
});

t.test('so is that of a dictionary of cells', async (t) => {
  const folder = '../../../../collector/aggregation/message-pack/dictionaries';
  const file = new URL(`${folder}/dictionary-${OF_CELLS.id}.ts`, import.meta.url);
  t.equal(readFileSync(file, 'utf8'), dictionarySource(OF_CELLS.id, OF_CELLS.bytes, 'cells'));
});
