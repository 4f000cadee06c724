import { DAY_MS } from '../../../shared/time.ts';

/**
 * The first hour of a day some days ago: what arrived then has not expired in any store, and the
 * passes of a test may go on for days.
 */
export const RECENT_HOUR = (Math.floor(Date.now() / DAY_MS) - 10) * 24;
