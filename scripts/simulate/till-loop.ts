/** Sells at a simulated till at a given rate. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Till } from '../clients/till.ts';
import type { Shop } from './basket-generator.ts';
import { gapMs } from './random.ts';

export interface TradingSettings {
  readonly till: Till;
  readonly shop: Shop;
  /** Mean baskets per minute. */
  readonly perMinute: number;
  readonly random: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called once the agent has stored an event. */
  readonly onSold?: () => void;
}

/** Sells until the signal. @throws Error when the agent rejects an event */
export async function trade(settings: TradingSettings, signal: AbortSignal): Promise<void> {
  const { till, shop, perMinute, random, now, onSold } = settings;
  try {
    for (;;) {
      await wait(gapMs(random, perMinute), undefined, { signal });
      await till.send([shop.next(now())], signal);
      onSold?.();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
