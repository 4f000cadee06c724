/** Sorts long lists in slices: runs are sorted at once, then merged two by two. */
import type { Cooperative } from '../../shared/cooperative.ts';

/** Items sorted, or merged, between two looks at the clock. */
const RUN = 1_024;

/** Stable, like `Array.prototype.sort`. The list stays as it is. */
export function* sortCooperatively<T>(items: readonly T[], compare: (a: T, b: T) => number): Cooperative<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN) {
    runs.push(items.slice(at, at + RUN).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const longer: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) longer.push(yield* merged(runs[at]!, runs[at + 1] ?? [], compare));
    runs = longer;
  }
  return runs[0] ?? [];
}

function* merged<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Cooperative<T[]> {
  const all: T[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const isFromA = j >= b.length || (i < a.length && compare(a[i]!, b[j]!) <= 0);
    if (all.push(isFromA ? a[i++]! : b[j++]!) % RUN === 0) yield;
  }
  return all;
}
