/**
 * A logic version: the pure code of this folder with its configured dimensions, which turns events into figures. A change of either that
 * changes a figure is a new version; what a version once computed, it computes for ever.
 */

export interface Logic {
  readonly version: number;
  /** Keys of `dims` that figures can be asked by, besides store, type and terminal. */
  readonly dimensions: readonly string[];
}

export const LOGIC_VERSION = 1;

/** Keys of a part's cube. */
export const partialKeys = (logic: Logic): string[] => ['type', 'currency', 'store', ...logic.dimensions];

/** Bounds on the groups of a part (one terminal, one hour or day) and of a view (all terminals); what goes beyond counts under `OTHER`. */
export const MAX_PARTIAL_GROUPS = 5_000;
export const MAX_VIEW_GROUPS = 20_000;
/** Bound on the articles of a part or view. */
export const MAX_ARTICLES = 20_000;
