/** Preloaded (`--import`) into a collector: its thread that writes to SQLite ends by a fault. */
import { isMainThread, threadName } from 'node:worker_threads';

const AFTER_MS = 5_000;

if (!isMainThread && threadName === 'store writer') {
  setTimeout(() => {
    throw new Error('the writer breaks');
  }, AFTER_MS);
}
