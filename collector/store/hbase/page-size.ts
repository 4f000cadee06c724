/**
 * Chooses how many rows a scan requests for its next page.
 *
 * Thrift2 bounds a page in rows only, while rows take from a few hundred bytes to megabytes. So a
 * scan begins with few rows, doubles while they are small, and follows the largest row of the
 * previous page; where a page is too large to hold all the same, the next one has far fewer rows.
 * Key-only rows are all small.
 */
export interface PageSize {
  readonly rows: number;
  readonly max: number;
}

/**
 * Target size of a page: large enough that a call's fixed cost is small, small enough to hold a
 * few.
 */
const TARGET_BYTES = 1024 * 1024;

export const FULL_ROWS: PageSize = { rows: 16, max: 512 };

export const KEYS_ONLY: PageSize = { rows: 256, max: 2_048 };

/** @param rowBytes about how large a row is; left out: unknown */
export function firstPage({ rows, max }: PageSize, rowBytes?: number): PageSize {
  return rowBytes === undefined ? { rows, max } : nextPage({ rows: max, max }, rowBytes);
}

/** @param largestRow bytes of the largest row of the page just read */
export function nextPage({ rows, max }: PageSize, largestRow: number): PageSize {
  const fitting = Math.floor(TARGET_BYTES / Math.max(1, largestRow));
  return { rows: Math.max(1, Math.min(rows * 2, fitting, max)), max };
}

/** The page size after a page that was too large to hold; null if it was a single row. */
export function smallerPage({ rows, max }: PageSize): PageSize | null {
  return rows === 1 ? null : { rows: Math.max(1, Math.floor(rows / 8)), max };
}
