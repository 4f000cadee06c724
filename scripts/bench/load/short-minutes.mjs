/**
 * Preloaded into an agent: minute timers fire after 50 ms, so a day of housekeeping takes little
 * over a minute.
 */
const MINUTE_MS = 60_000;
const SHORT_MS = 50;

const { setTimeout: real } = globalThis;
globalThis.setTimeout = Object.assign((run, ms, ...rest) => real(run, ms === MINUTE_MS ? SHORT_MS : ms, ...rest), real);
