/**
 * Node's flags and environment on a till; the package's wrapper, its tests and the benchmark use
 * them. Each was measured with an agent that gets a sale every 5 seconds and one that drains a
 * backlog (`npm run bench -- --only package,backlog`).
 */

/** Flags of `node`. */
export const NODE_FLAGS: readonly string[] = [
  // A young generation of 3 MiB instead of 48: few objects are short-lived here, and a full one
  // grows the process permanently.
  '--max-semi-space-size=1',
  // Otherwise Node takes a share of the machine; the unit's MemoryMax adds what is outside V8's
  // heap.
  '--max-old-space-size=192',
  // Collects the old generation early, also under load: an event takes about 15 % more CPU.
  '--optimize-for-size',
  // For `agent/runtime/gc-pacer.ts`: while a backlog drains, an agent grows by 10 to 13 MiB at its
  // peaks instead of 20 to 40.
  '--expose-gc',
];

/**
 * Environment. Otherwise glibc gives each thread an arena, and returns freed memory only above a
 * threshold that rises with each large block.
 */
export const NODE_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
