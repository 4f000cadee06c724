/**
 * Where the real transactions lie: `--data FILE` on the test's command line (`tap --test-arg=--data --test-arg=FILE`), else beside the
 * repository. They do not belong into it.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const BESIDE = path.resolve(import.meta.dirname, '../../../../shared/data/online-retail-2010-12_to_2011-08.csv.gz');

export function dataFile(): string {
  const flag = process.argv.indexOf('--data');
  return flag < 0 ? BESIDE : path.resolve(process.argv[flag + 1] ?? '');
}

/**
 * Whether a test on the real transactions can run. Where it cannot: in CI that is a failure, elsewhere the reason shows in the report.
 *
 * @throws Error in CI when the file is not there
 */
export function missingData(): string | false {
  const file = dataFile();
  if (existsSync(file)) return false;
  const reason = `the real transactions are not at ${file}; say where with --test-arg=--data --test-arg=FILE`;
  if (process.env.CI) throw new Error(reason);
  return reason;
}
