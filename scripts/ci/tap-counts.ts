/** Counts of TAP test points, and their summary. */
import type { Parser } from 'tap-parser';

/** Result of a run of test points; failed and skipped ones are named by the path to them. */
export interface TapCounts {
  passed: number;
  failed: number;
  skipped: number;
  readonly failures: { readonly at: readonly string[]; readonly diagnostics: unknown }[];
  readonly skips: { readonly at: readonly string[]; readonly reason: string }[];
}

export function noCounts(): TapCounts {
  return { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
}

/**
 * Counts the test points of a TAP stream into `counts` as they come. These are assertions, and
 * subtests (a test file is one too) that failed otherwise: they crashed, timed out, or held no
 * assertion, which tap lets pass.
 */
export function countInto(counts: TapCounts, parser: Parser, at: readonly string[] = []): void {
  let child: Parser | undefined;
  parser.on('child', (next: Parser) => {
    child = next;
    countInto(counts, next, [...at, next.name]);
  });
  parser.on('assert', (point: Point & { readonly name: string }) => {
    const subtest = child?.name === point.name ? child : undefined;
    child = undefined;
    count(counts, point, subtest, [...at, point.name]);
  });
}

/** How a test file's process ended. */
export interface FileEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Another fault of the file. */
  readonly message?: string;
}

/** Counts a test file itself, which is a subtest too. `parser` has read all of its output. */
export function countFile(counts: TapCounts, file: string, parser: Parser, end: FileEnd): void {
  const ok = parser.ok && end.exitCode === 0 && end.message === undefined;
  // The failures in it have been counted, and say why it failed.
  if (!ok && counts.failed > 0) return;
  const plan = parser.results?.plan;
  const skip = ok && plan?.skipAll === true && (plan.skipReason || 'no tests found');
  if (ok) count(counts, { ok, skip, todo: false, diag: end }, parser, [file]);
  else count(counts, { ok, skip, todo: false, diag: end }, undefined, [file]);
}

/** Adds `more` to `counts`. */
export function addCounts(counts: TapCounts, more: TapCounts): void {
  counts.passed += more.passed;
  counts.failed += more.failed;
  counts.skipped += more.skipped;
  counts.failures.push(...more.failures);
  counts.skips.push(...more.skips);
}

/** A test point as the parser reports it; a subtest is one too. */
interface Point {
  readonly ok: boolean;
  readonly skip: boolean | string;
  readonly todo: boolean | string;
  readonly diag: unknown;
}

function count(counts: TapCounts, point: Point, subtest: Parser | undefined, at: readonly string[]): void {
  const empty = subtest !== undefined && subtest.count === 0;
  const skip = point.skip || point.todo;
  const nothingFound = empty && (!skip || skip === 'no tests found');
  if (!point.ok && !point.todo) {
    // Its own points have been counted, and say why it failed.
    if (subtest !== undefined && subtest.fail > 0) return;
    counts.failed++;
    counts.failures.push({ at, diagnostics: point.diag });
  } else if (nothingFound) {
    counts.failed++;
    counts.failures.push({ at, diagnostics: { message: 'nothing was asserted' } });
  } else if (skip) {
    counts.skipped++;
    counts.skips.push({ at, reason: skip === true ? 'no reason given' : skip });
  } else if (subtest === undefined) {
    counts.passed++;
  }
}

/**
 * `12 passed, 0 failed`, with `, 3 skipped` if there were any: the last line of every test command.
 */
export function summary({ passed, failed, skipped }: Pick<TapCounts, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
