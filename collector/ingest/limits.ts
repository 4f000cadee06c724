/** The limits of collector/ingest: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

export const INGEST_LIMITS = {} as const satisfies Limits;
