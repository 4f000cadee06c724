/**
 * A logic version: the pure code of this folder plus the configured dimensions, which together turn
 * events into figures. A change of either that changes a figure is a new version; the results of a
 * version never change.
 */

export interface Logic {
  readonly version: number;
  /** Keys of `dims` that queries can use besides store, type and terminal. */
  readonly dimensions: readonly string[];
}

export const LOGIC_VERSION = 1;

/** Keys of a partial aggregate's cube. */
export const partialKeys = (logic: Logic): string[] => ['type', 'currency', 'store', ...logic.dimensions];
