/** Runs one test file in a process of its own and counts its test points. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Parser } from 'tap-parser';
import { countFile, countInto, noCounts, type TapCounts } from './tap-counts.ts';

export interface FileRun {
  readonly file: string;
  readonly seconds: number;
  readonly counts: TapCounts;
  /** The last lines that it printed besides test points. */
  readonly printed: readonly string[];
}

export interface FileOptions {
  /** A file that takes longer is ended and has failed; so has a test in it that sets no limit of its own. */
  readonly timeoutSeconds: number;
  /** After its limit a file has so long to say which test it was, and after its end its output to end. Default: 10 s. */
  readonly graceMs?: number;
  /** What its environment has beside this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the test file's command line. */
  readonly args: readonly string[];
}

/** Lines a test file printed that are worth keeping for its failure. */
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

/** Test files that still run are not left behind. */
export function killTestFiles(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Kills it after `limitMs`, and `graceMs` more in which tap may end it, which says which test it was. @returns whether it had to */
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
