/** Loaded before an agent: whatever it does each minute it does each 50 ms, so that a day of housekeeping passes in a minute and a bit. */
const MINUTE_MS = 60_000;
const SHORT_MS = 50;

const { setTimeout: real } = globalThis;
globalThis.setTimeout = Object.assign((run, ms, ...rest) => real(run, ms === MINUTE_MS ? SHORT_MS : ms, ...rest), real);
