import type { Parser, Result } from 'tap-parser';

/** What a run of test points came to, and each one that failed or was skipped, told by the way to it. */
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
 * Counts the test points of a TAP stream into `counts` as they come: assertions, and besides them a subtest (a test file is
 * one too) that failed otherwise: it crashed, timed out, or held no assertion, which tap lets pass.
 */
export function countInto(counts: TapCounts, parser: Parser, at: readonly string[] = []): void {
  let child: Parser | undefined;
  parser.on('child', (next: Parser) => {
    child = next;
    countInto(counts, next, [...at, next.name]);
  });
  parser.on('assert', (point: Result) => {
    const subtest = child?.name === point.name ? child : undefined;
    child = undefined;
    count(counts, point, subtest, [...at, point.name]);
  });
}

function count(counts: TapCounts, point: Result, subtest: Parser | undefined, at: readonly string[]): void {
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

/** `12 passed, 0 failed`, and `, 3 skipped` where there were any: the last line of every test command. */
export function summary({ passed, failed, skipped }: Pick<TapCounts, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
