/** Loaded before an agent: its housekeeping's minute takes 50 ms, so that a day of it passes in a minute and a bit. All else is as it is. */
const MINUTE_MS = 60_000;
const SHORT_MS = 50;

const { setTimeout: real } = globalThis;
globalThis.setTimeout = Object.assign((run, ms, ...rest) => real(run, ms === MINUTE_MS ? SHORT_MS : ms, ...rest), real);
