/** The limits of a build of a logic version, and of its comparison. See docs/limits.md. */
import type { Limits } from '../../../shared/limits.ts';

export const REPROCESS_LIMITS = {
  latencyRise: {
    value: 2,
    unit: 'ratio',
    why: 'A build rests while the p99 of live commits is more than this many times what it was before.',
  },
  quietLatency: {
    value: 10,
    unit: 'ms',
    why: 'A lower p99 of live commits counts as this: below, nobody waits.',
  },
  restFactor: {
    value: 32,
    unit: 'ratio',
    why: 'The longest rest of a build, for each millisecond that it works: 3 % of a processor are left to it.',
  },
  restMost: {
    value: 10_000,
    unit: 'ms',
    why: 'One rest of a build at most, so that it looks again whether live commits are slow.',
  },
  diffMerchants: {
    value: 1_000,
    unit: 'count',
    why: 'Merchants that a diff of two logic versions lists, those with the largest changes; the rest is counted.',
  },
} as const satisfies Limits;
