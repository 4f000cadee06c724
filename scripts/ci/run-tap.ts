import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { Parser } from 'tap-parser';
import { commandOf } from './resolve-bin.ts';
import { countInto, noCounts, type TapCounts } from './tap-counts.ts';

/** Lines a test file printed that are worth keeping for its failure. */
const KEPT_LINES = 200;

/**
 * Runs test files with tap. `print` gets a line as each file ends, with its failures below it, and at the end one for each
 * skip. No test seen, or a run that tap itself calls failed, counts as a failure.
 */
export async function runTap(
  files: readonly string[],
  options: readonly string[],
  print: (line: string) => void,
): Promise<TapCounts> {
  buildPlugins();
  const counts = noCounts();
  const parser = new Parser({ passes: false });
  countInto(counts, parser);
  reportFiles(parser, counts, print);

  const quiet = '--node-arg=--disable-warning=ExperimentalWarning';
  const args = [...commandOf('tap'), '--reporter=tap', quiet, ...options, ...files];
  const tap = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  tap.stdout.pipe(parser);
  const [[code]] = await Promise.all([once(tap, 'close'), once(parser, 'complete')]);

  for (const { at, reason } of counts.skips) print(`skipped: ${at.join(' > ')}: ${reason}`);
  if (counts.passed + counts.failed + counts.skipped === 0) fail(counts, 'no test was seen', print);
  else if (code !== 0 && counts.failed === 0) fail(counts, `tap ended with code ${code}`, print);
  return counts;
}

/**
 * tap compiles its list of plugins in, and does it again when .taprc names others; but the run that finds so, the first one
 * after an install, still uses the old list itself. Its TypeScript plugin fails with TypeScript 7.
 */
function buildPlugins(): void {
  // In a process of its own: to load tap is to begin a test run, which after 30 s without a test ends the process that did.
  const script = "import('tap').then(({ t }) => console.error(t.pluginSignature))";
  const { stderr } = spawnSync(process.execPath, ['--eval', script], { encoding: 'utf8' });
  if (!stderr.includes('@tapjs/typescript')) return;
  spawnSync(process.execPath, [...commandOf('tap'), 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function reportFiles(parser: Parser, counts: TapCounts, print: (line: string) => void): void {
  let reported = 0;
  let passedBefore = 0;
  let noise: string[] = [];
  parser.on('extra', (text: string) => {
    noise = [...noise, ...text.trimEnd().split('\n')].slice(-KEPT_LINES);
  });
  parser.on('assert', (point: { name: string; time: number | null; ok: boolean }) => {
    const failures = counts.failures.slice(reported);
    const seconds = ((point.time ?? 0) / 1000).toFixed(1).padStart(6);
    const passed = String(counts.passed - passedBefore).padStart(6);
    print(`${failures.length > 0 ? 'FAILED' : 'ok    '} ${passed} passed ${seconds} s  ${point.name}`);
    for (const { at, diagnostics } of failures) print(`  not ok: ${at.join(' > ')}\n${indented(diagnostics)}`);
    if (failures.length > 0 && noise.length > 0) print(`  it printed:\n${noise.join('\n')}`);
    reported = counts.failures.length;
    passedBefore = counts.passed;
    noise = [];
  });
}

function fail(counts: TapCounts, message: string, print: (line: string) => void): void {
  counts.failed++;
  counts.failures.push({ at: [message], diagnostics: undefined });
  print(`FAILED: ${message}`);
}

/** What helps to find the fault; the rest of tap's diagnostics says how tap was called. */
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
