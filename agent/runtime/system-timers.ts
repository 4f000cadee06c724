/** Timers of the operating system, on the monotonic clock. */
import type { Timers } from '../port/timers.ts';
export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
