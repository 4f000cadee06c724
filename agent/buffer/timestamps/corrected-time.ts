/** Corrects the time of an event that a wrong clock gave. Pure. */
import { FLAG, type TillEvent } from '../../../shared/event/event.ts';
import { MAX_TS, MIN_TS } from '../../../shared/time.ts';

/** @param shift true time less the clock's, milliseconds */
export function correctedBy(event: TillEvent, shift: number): TillEvent {
  const isDefaulted = (event.flags & FLAG.tsDefaulted) !== 0;
  const flags = event.flags | FLAG.clockSuspect | (isDefaulted ? 0 : FLAG.tsCorrected);
  return { ...event, flags, ts: Math.min(MAX_TS - 1, Math.max(MIN_TS, event.ts + shift)) };
}
