/** Simulates network outages. */
import { setTimeout as wait } from 'node:timers/promises';
import type { NetworkLink } from './network-link.ts';

export interface Outages {
  readonly link: NetworkLink;
  /**
   * Mean time to the first outage and between outages; each is drawn between 0.5 and 1.5 times
   * this.
   */
  readonly everyMs: number;
  readonly lastMs: number;
  readonly random: () => number;
  readonly onChange: (plugged: boolean) => void;
}

/** Disconnects the link at intervals until the signal, then connects it. */
export async function outages(
  { link, everyMs, lastMs, random, onChange }: Outages,
  signal: AbortSignal,
): Promise<void> {
  const about = (ms: number) => wait(ms * (0.5 + random()), undefined, { signal });
  try {
    for (;;) {
      await about(everyMs);
      link.pull();
      onChange(false);
      await about(lastMs);
      link.plug();
      onChange(true);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    link.plug();
  }
}
