/**
 * What Node is started with on a till: the wrapper of the package, its tests and the benchmark take it from here. Each was measured with
 * an agent that gets a sale every 5 seconds and one that drains a backlog (`npm run bench -- --only package,backlog`).
 */

/** Of `node`. */
export const NODE_FLAGS: readonly string[] = [
  // A young generation of 3 MiB instead of 48: what lives shortly is small here, and one that is full grows the process for good.
  '--max-semi-space-size=1',
  // Node takes a share of the machine else; the unit's MemoryMax is above it by what is outside V8's heap.
  '--max-old-space-size=192',
  // Collects its old generation early, also while many sell: an event takes some 15 % more CPU.
  '--optimize-for-size',
  // For `agent/runtime/gc-pacer.ts`: while a backlog drains, an agent grows by 10 to 13 MiB at its peaks in place of 20 to 40.
  '--expose-gc',
];

/** Of its environment: glibc gives each thread an arena else, and returns what was freed only above a mark that rises with each large block. */
export const NODE_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
