import type { TillEvent } from '../../../shared/event/event.ts';
import { HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';
import { tillEvent } from '../collector/till-events.ts';

/**
 * Sales of these amounts, the first of them `minute` minutes into the hour, each a second after the
 * one before.
 */
export const salesIn = (hour: number, amounts: readonly number[], minute = 0): TillEvent[] =>
  amounts.map((amount, i) => tillEvent({ amount, ts: hour * HOUR_MS + minute * MINUTE_MS + i * 1000 }));
