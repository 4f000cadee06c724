/** Set algebra on seqs, as closed ranges `[first, last]`, ascending and not touching. */

export type SeqInterval = readonly [first: number, last: number];
export type Ranges = readonly SeqInterval[];

/** Number of seqs in the ranges. */
export const countOf = (ranges: Ranges): number => ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** Sorts ranges, and merges those that overlap or touch. */
export function union(ranges: Ranges): Ranges {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const result: [number, number][] = [];
  for (const [first, last] of sorted) {
    const before = result.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}

/** The part of `ranges` that is not in `taken`. */
export function difference(ranges: Ranges, taken: Ranges): Ranges {
  const result: [number, number][] = [];
  let at = 0;
  for (const [first, last] of ranges) {
    let from = first;
    while (at < taken.length && taken[at]![1] < from) at++;
    for (let next = at; next < taken.length && taken[next]![0] <= last; next++) {
      const [start, end] = taken[next]!;
      if (start > from) result.push([from, start - 1]);
      from = Math.max(from, end + 1);
    }
    if (from <= last) result.push([from, last]);
  }
  return result;
}
