/**
 * Runs test files in parallel, and reports each as it ends, then the slowest files and the skipped
 * tests.
 */
import { availableParallelism } from 'node:os';
import { inspect } from 'node:util';
import { fastStart } from './fast-start.ts';
import { addCounts, noCounts, type TapCounts } from './tap-counts.ts';
import { type FileRun, killTestFiles, runTestFile } from './test-file.ts';

export interface RunOptions {
  /**
   * Files that run at a time. Default: two for each core, because they wait for the disk and for
   * processes half of their time.
   */
  readonly jobs?: number;
  /** Files that run one after another, beside the others. Default: none. */
  readonly isAlone?: (file: string) => boolean;
  /** Time limit of each file. Default: 300. */
  readonly timeoutSeconds?: number;
  /** Arguments of each test file's command line. */
  readonly args?: readonly string[];
}

const SLOWEST = 10;

/**
 * Prints a line as each file ends, with its failures below it, and at the end the slowest files and
 * a line for each skip. In CI a skip is a failure, because everything that tests need is there. A
 * run without any test is a failure everywhere.
 */
export async function runTap(
  files: readonly string[],
  { jobs = 2 * availableParallelism(), isAlone = () => false, timeoutSeconds = 300, args = [] }: RunOptions,
  print: (line: string) => void,
): Promise<TapCounts> {
  const counts = noCounts();
  const runs: FileRun[] = [];
  const alone = files.filter(isAlone);
  const others = files.filter((file) => !isAlone(file)).values();
  const environment = await fastStart();
  const worker = async (queue: Iterable<string>): Promise<void> => {
    for (const file of queue) {
      const run = await runTestFile(file, { timeoutSeconds, environment, args });
      runs.push(run);
      addCounts(counts, run.counts);
      report(run, print);
    }
  };
  const interrupted = endWith('SIGINT', 'SIGTERM');
  const withOthers = alone.length > 0 ? jobs - 1 : jobs;
  await Promise.all([worker(alone), ...Array.from({ length: withOthers }, () => worker(others))]);
  interrupted[Symbol.dispose]();

  printSlowest(runs, print);
  for (const { at, reason } of counts.skips) print(`skipped: ${at.join(' > ')}: ${reason}`);
  if (counts.skipped > 0 && process.env.CI === 'true') {
    print('In CI every test must run: a skipped test counts as failed.');
    counts.failed += counts.skipped;
    counts.skipped = 0;
  }
  if (counts.passed + counts.failed + counts.skipped === 0) {
    print('FAILED: no test was seen');
    counts.failed++;
  }
  return counts;
}

/** Ends the test files too when a signal ends this process. */
function endWith(...signals: readonly NodeJS.Signals[]): Disposable {
  const end = (): void => {
    killTestFiles();
    process.exit(130);
  };
  for (const signal of signals) process.once(signal, end);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, end);
    },
  };
}

function report({ file, seconds, counts, printed }: FileRun, print: (line: string) => void): void {
  const failed = counts.failures.length > 0;
  print(`${failed ? 'FAILED' : 'ok    '} ${String(counts.passed).padStart(6)} passed ${inSeconds(seconds)}  ${file}`);
  for (const { at, diagnostics } of counts.failures) print(`  not ok: ${at.join(' > ')}\n${indented(diagnostics)}`);
  if (failed && printed.length > 0) print(`  it printed:\n${printed.join('\n')}`);
}

function printSlowest(runs: readonly FileRun[], print: (line: string) => void): void {
  if (runs.length <= SLOWEST) return;
  print(`The ${SLOWEST} slowest of ${runs.length} files:`);
  for (const { file, seconds } of runs.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST))
    print(`  ${inSeconds(seconds)}  ${file}`);
}

const inSeconds = (seconds: number): string => `${seconds.toFixed(1).padStart(6)} s`;

/** Diagnostics that help to find the fault; tap's others say how tap was called. */
function indented(diagnostics: unknown): string {
  const shown = ['message', 'diff', 'stack', 'wanted', 'found', 'expired', 'exitCode', 'signal', 'timeout'];
  const given = Object.entries((diagnostics ?? {}) as Record<string, unknown>);
  const texts = given
    .filter(([key, value]) => shown.includes(key) && value !== null)
    .map(
      ([key, value]) => `${key}: ${typeof value === 'string' ? value.trimEnd() : inspect(value, { breakLength: 120 })}`,
    );
  return texts.join('\n').replaceAll(/^/gm, '    ');
}
