/** The limits of all stages and of the store, as `check-config --limits` shows them. */
import type { Limits } from '../../shared/limits.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import { API_LIMITS } from '../api/limits.ts';
import { BROKER_LIMITS } from '../broker/limits.ts';
import { INGEST_LIMITS } from '../ingest/limits.ts';
import { ROLLUP_LIMITS } from '../rollup/limits.ts';
import { REPROCESS_LIMITS } from '../rollup/reprocess/limits.ts';
import { STORE_LIMITS } from '../store/limits.ts';

export const LIMITS_BY_STAGE: Readonly<Record<string, Limits>> = {
  broker: BROKER_LIMITS,
  ingest: INGEST_LIMITS,
  aggregation: AGGREGATION_LIMITS,
  rollup: ROLLUP_LIMITS,
  reprocess: REPROCESS_LIMITS,
  api: API_LIMITS,
  store: STORE_LIMITS,
};
