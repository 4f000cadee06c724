/**
 * Runs the tests: `npm test` all but those that need a real HBase, Chromium, small disks or root,
 * `npm run test:real` those. Files named as arguments run instead. The last line is
 * `N passed, N failed`.
 */
import { existsSync, globSync } from 'node:fs';
import { totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runTap } from './run-tap.ts';
import { summary } from './tap-counts.ts';

/** With less memory one HBase runs at a time. */
const SMALL_BYTES = 8 * 1024 ** 3;

const { values, positionals } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    // Real transactions other than those in test/data.
    data: { type: 'string' },
  },
  allowPositionals: true,
});
// The longest tests start first, so that no core is idle at the end.
const folders = values.real ? ['real/hbase', 'real'] : ['flow', 'model', 'contract', 'unit'];
const inFolders = [...new Set(folders.flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`).sort()))];
const all = values.real ? inFolders : ['test/architecture.test.ts', ...inFolders];

const needsHBase = (file: string): boolean => file.includes('/hbase/');
const isSmall = totalmem() < SMALL_BYTES;

const started = performance.now();
const counts = await runTap(
  positionals.length > 0 ? positionals : all,
  {
    // An HBase takes a GiB of memory, and minutes to come up on a small machine.
    ...(values.real && { jobs: 2, isAlone: isSmall ? needsHBase : () => false, timeoutSeconds: 900 }),
    args: values.data === undefined ? [] : ['--data', values.data],
  },
  (line) => console.log(line),
);
const missing = ['java', 'mvn'].filter((command) => !isOnPath(command));
if (!values.real && missing.length > 0) {
  console.log(
    `Left out: the tests on a real HBase, which need ${missing.join(' and ')} (on Debian: apt-get install default-jre-headless maven); then: npm run test:real.`,
  );
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(summary(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;

function isOnPath(command: string): boolean {
  const names = process.platform === 'win32' ? [`${command}.exe`, `${command}.cmd`] : [command];
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => names.some((name) => existsSync(join(folder, name))));
}
