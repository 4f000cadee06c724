/** Generates the past days of a simulated till. */
import type { TillEvent } from '../clients/till-event.ts';
import { Shop, type ShopSettings } from './basket-generator.ts';
import { gapMs } from './random.ts';

export interface HistorySettings extends ShopSettings {
  /** Milliseconds since 1970, exclusive: all events are earlier. */
  readonly until: number;
  readonly days: number;
}

const DAY_MS = 24 * 3_600_000;
/** Baskets per minute by hour of the day in the shop's zone: always open, quieter at night. */
const PER_MINUTE = [4, 2, 2, 2, 3, 8, 18, 30, 34, 26, 22, 26, 38, 34, 24, 22, 26, 34, 36, 28, 20, 14, 10, 6].map(
  (baskets) => baskets / 60,
);

/** The past days of a till, in time order. Deterministic for given settings and random numbers. */
export function* history(settings: HistorySettings): Generator<TillEvent> {
  const { until, days, random, timeZone } = settings;
  const shop = new Shop(settings);
  for (let at = until - days * DAY_MS; ; ) {
    const { hour } = Temporal.Instant.fromEpochMilliseconds(Math.floor(at)).toZonedDateTimeISO(timeZone);
    at += gapMs(random, PER_MINUTE[hour]!);
    if (at >= until) return;
    yield shop.next(at);
  }
}
