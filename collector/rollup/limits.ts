/** The limits of collector/rollup: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

export const ROLLUP_LIMITS = {
  conflictLinesPerPass: {
    value: 10,
    unit: 'count',
    why: 'Hours with new conflicts that a pass logs, each with its merchant and terminals; the rest is counted. An honest till never causes one.',
  },
} as const satisfies Limits;
