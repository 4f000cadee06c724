/** Runs one test file in a process of its own and counts its test points. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Parser } from 'tap-parser';
import { countFile, countInto, noCounts, type TapCounts } from './tap-counts.ts';

export interface FileRun {
  readonly file: string;
  readonly seconds: number;
  readonly counts: TapCounts;
  /** Last lines of its output that are not test points. */
  readonly printed: readonly string[];
}

export interface FileOptions {
  /**
   * Time limit of a file, and of each test in it that sets none of its own. Whatever takes longer
   * is ended and has failed.
   */
  readonly timeoutSeconds: number;
  /**
   * Extra time after the limit, in which a file may say which test it was; and time after the
   * file's end, in which its output may end. Default: 10 s.
   */
  readonly graceMs?: number;
  /** Environment in addition to this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Arguments of the test file's command line. */
  readonly args: readonly string[];
}

/** Lines of a test file's output that are kept for the report of its failure. */
const KEPT_LINES = 200;

const running = new Set<ChildProcess>();

export async function runTestFile(
  file: string,
  { timeoutSeconds, graceMs = 10_000, environment = {}, args }: FileOptions,
): Promise<FileRun> {
  const started = performance.now();
  const counts = noCounts();
  const parser = new Parser({ passes: false });
  countInto(counts, parser, [file]);
  let printed: string[] = [];
  parser.on('extra', (text: string) => {
    printed = [...printed, ...text.trimEnd().split('\n')].slice(-KEPT_LINES);
  });
  const parsed = once(parser, 'complete');

  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment, TAP: '1', TAP_TIMEOUT: String(timeoutSeconds) },
  });
  running.add(child);
  child.stdout.pipe(parser);
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const timedOut = await endsWithin(child, exit, timeoutSeconds * 1000, graceMs);
  const [exitCode, signal] = await exit;
  running.delete(child);
  let message: string | undefined;
  const left = setTimeout(() => {
    message = 'it left a process behind that holds its output open';
    child.stdout.destroy();
    parser.end();
  }, graceMs);
  await parsed;
  clearTimeout(left);
  if (timedOut) message = `it took longer than ${timeoutSeconds} s`;

  countFile(counts, file, parser, { exitCode, signal, ...(message !== undefined && { message }) });
  return { file, seconds: (performance.now() - started) / 1000, counts, printed };
}

/** Kills the test files that still run. */
export function killTestFiles(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Kills the process after `limitMs` and `graceMs`. In the grace time tap may end it, and says which
 * test it was.
 *
 * @returns whether the process was killed
 */
async function endsWithin(
  child: ChildProcess,
  exit: Promise<unknown>,
  limitMs: number,
  graceMs: number,
): Promise<boolean> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, limitMs + graceMs);
  await exit;
  clearTimeout(timer);
  return timedOut;
}
