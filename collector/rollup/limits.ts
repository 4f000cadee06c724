/** The limits of collector/rollup: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

const MINUTE_MS = 60_000;

export const ROLLUP_LIMITS = {
  conflictLinesPerPass: {
    value: 10,
    unit: 'count',
    why: 'Hours with new conflicts that a pass logs, each with its merchant and terminals; the rest is counted. An honest till never causes one.',
  },
  parkedLinesPerPass: {
    value: 10,
    unit: 'count',
    why: 'Parked terminals, hours and days that a pass logs, each with its reason; the rest is counted, and listed by audit --parked. An honest till never causes one.',
  },
  merchantRound: {
    value: 1_000,
    unit: 'ms',
    why: 'A merchant whose runs took this long lets the other merchants run before the rest of its own. Merchants with nothing to catch up take a few ms a pass.',
  },
  noteCost: {
    value: 64 * 1024 * 1024,
    unit: 'bytes',
    why: 'A run that decodes this much is noted in the store before it goes on, so that it is not the first thing that a new process does if this one ends. It is 120,000 usual sales in an hour.',
  },
  mergeShare: {
    value: 1 / 8,
    unit: 'ratio',
    why: 'Part of mergeBytes from which on a terminal is parked when those of an hour exceed it, the largest first. A till with 20,000 articles and 12 cashiers takes about as much; where none takes so much the hour is parked as a whole.',
  },
  mergesPerHour: {
    value: 8,
    unit: 'count',
    why: 'How often an hour is merged, each time without a further terminal that takes too much of mergeBytes, before it is parked as a whole. A merge takes a second at most.',
  },
  attemptPause: {
    value: 10 * MINUTE_MS,
    unit: 'ms',
    why: 'A noted run without a result is not tried again before this. A run at its limits takes less than a minute.',
  },
  crashesBeforeParked: {
    value: 3,
    unit: 'count',
    why: 'Noted runs without a result in a row, after which the hour or day is parked. An honest one has none.',
  },
  finalityHoles: {
    value: 100,
    unit: 'count',
    why: "Hours with something parked, beyond which a merchant's later hours do not become final. An honest one has none.",
  },
  sweepShare: {
    value: 1 / 4,
    unit: 'ratio',
    why: 'Part of the time that the daily sweep works; in the rest it waits, so that live hours are not delayed. 10,000 merchants with a few tills take some minutes.',
  },
  mismatchLinesPerSweep: {
    value: 20,
    unit: 'count',
    why: 'Hours and days that a sweep logs because they differ from the raw log; the rest is counted, and listed by audit --rollups. A store without faults has none.',
  },
  parkedRetry: {
    value: 60 * MINUTE_MS,
    unit: 'ms',
    why: 'A parked hour is tried again after this, then after twice as long, and so on.',
  },
  parkedRetryMost: {
    value: 24 * 60 * MINUTE_MS,
    unit: 'ms',
    why: 'The longest pause between two tries of a parked hour: its work is paid once a day.',
  },
} as const satisfies Limits;
