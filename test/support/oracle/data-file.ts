/** The real transactions of a test: `npm test -- --data FILE`, else the two weeks that come with the repository. */
import path from 'node:path';
import process from 'node:process';
import { TWO_WEEKS } from '../../../scripts/datasets/online-retail/extracts.ts';

export function dataFile(): string {
  return givenDataFile() ?? TWO_WEEKS;
}

/** The file that the command line names. */
export function givenDataFile(): string | null {
  const flag = process.argv.indexOf('--data');
  return flag < 0 ? null : path.resolve(process.argv[flag + 1] ?? '');
}
