/** How long the buffer lasts, in words. */
import { HOUR_MS } from '../../../shared/time.ts';
import { span } from './format.ts';

export const formatTimeToFull = (hours: number): string =>
  hours <= 0 ? 'now' : hours > 24 * 366 ? 'over a year' : span(hours * HOUR_MS);

/** Where no hours are known: while nothing is shipped, some minutes tell the rate. */
export const notFilling = (connected: boolean): string =>
  connected ? 'not filling' : 'known after some minutes of sales';
