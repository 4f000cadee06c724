/** The limits of collector/rollup: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

export const ROLLUP_LIMITS = {} as const satisfies Limits;
