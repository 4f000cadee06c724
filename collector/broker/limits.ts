/** The limits of collector/broker: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

export const BROKER_LIMITS = {} as const satisfies Limits;
