/** The limits of collector/api: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

export const API_LIMITS = {} as const satisfies Limits;
