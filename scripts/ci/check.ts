/**
 * `npm run check`: types, lint and format, import rules, unit tests. It prints a line for each step
 * and stops at the first that fails, with its output. `--static` leaves out the last two steps,
 * which `npm test` runs too.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { commandOf } from './resolve-bin.ts';
import { runTap } from './run-tap.ts';
import { summary } from './tap-counts.ts';

interface Outcome {
  readonly ok: boolean;
  /** Standard output and standard error of the step. */
  readonly output: string;
  /** One line about a step that succeeded. */
  readonly brief?: string;
}

type Step = readonly [name: string, run: () => Outcome | Promise<Outcome>];

const { values } = parseArgs({ options: { static: { type: 'boolean', default: false } } });

const staticSteps: readonly Step[] = [
  ['types', () => command([...commandOf('typescript', 'tsc'), '-p', '.'])],
  ['lint and format', () => command([...commandOf('@biomejs/biome', 'biome'), 'ci', '--colors=off', '.'])],
];
const testSteps: readonly Step[] = [
  ['import rules', () => tests(['test/architecture.test.ts'])],
  ['unit tests', () => tests(globSync('test/{unit,contract}/**/*.test.ts').sort())],
];

for (const [name, run] of values.static ? staticSteps : [...staticSteps, ...testSteps]) {
  const started = performance.now();
  const { ok, output, brief } = await run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(16)} ${seconds.padStart(6)} s  ${brief ?? ''}`);
  if (!ok) {
    console.log(output);
    process.exitCode = 1;
    break;
  }
}

/** Runs a tool on this Node. */
function command(args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

async function tests(files: readonly string[]): Promise<Outcome> {
  const lines: string[] = [];
  const counts = await runTap(files, {}, (line) => lines.push(line));
  return { ok: counts.failed === 0, output: lines.join('\n'), brief: summary(counts) };
}
