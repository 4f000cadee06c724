/** Finds the end of a run of rows that a damaged page hides: a b-tree fails by whole leaves. */

/**
 * @param start the first id (in the direction of `step`) that cannot be read
 * @param step 1 upwards, -1 downwards
 * @param readable whether the next row from an id on can be read
 * @returns the first id beyond the run; null when nothing beyond it can be read
 */
export function nextReadableRow(start: number, step: 1 | -1, readable: (id: number) => boolean): number | null {
  const limit = step === 1 ? Number.MAX_SAFE_INTEGER : 0;
  const far = (stride: number): number => start + step * Math.min(stride, Math.abs(limit - start));
  let bad = 0;
  let good = 1;
  while (!readable(far(good))) {
    if (far(good) === limit) return null;
    bad = good;
    good *= 2;
  }
  while (good - bad > 1) {
    const middle = Math.floor((bad + good) / 2);
    if (readable(far(middle))) good = middle;
    else bad = middle;
  }
  return far(good);
}
