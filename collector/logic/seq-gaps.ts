/** A closed range of seqs: `[first, last]`. */
type SeqRange = readonly [number, number];

/** What of the seqs from `first` to `last` lies in none of `held`, which come in any order and may overlap: ascending, disjoint. */
export function seqGaps(first: number, last: number, held: readonly SeqRange[]): SeqRange[] {
  const gaps: SeqRange[] = [];
  let at = first;
  for (const [start, end] of [...held].sort((a, b) => a[0] - b[0])) {
    if (start > last) break;
    if (start > at) gaps.push([at, start - 1]);
    at = Math.max(at, end + 1);
  }
  if (at <= last) gaps.push([at, last]);
  return gaps;
}
