/** Formats the time until the buffer is full. */
import { HOUR_MS } from '../../../shared/time.ts';
import { span } from './format.ts';

export const formatTimeToFull = (hours: number): string =>
  hours <= 0 ? 'now' : hours > 24 * 366 ? 'over a year' : span(hours * HOUR_MS);

/**
 * Text for an unknown time to full: while nothing is shipped, the rate is known after some minutes.
 */
export const notFilling = (connected: boolean): string =>
  connected ? 'not filling' : 'known after a few minutes of sales';
