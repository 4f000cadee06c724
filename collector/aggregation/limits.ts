/** Limits of collector/aggregation: what a row, an hour or an answer may cost at most. */
import type { Limits } from '../../shared/limits.ts';

export const AGGREGATION_LIMITS = {} as const satisfies Limits;
