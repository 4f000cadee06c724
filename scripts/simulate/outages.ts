import { setTimeout as wait } from 'node:timers/promises';
import type { Cable } from './network-link.ts';

export interface Outages {
  readonly cable: Cable;
  /** Of the first one and between them; each is drawn between half and one and a half times this. */
  readonly everyMs: number;
  readonly lastMs: number;
  readonly random: () => number;
  readonly onChange: (plugged: boolean) => void;
}

/** Pulls the cable out now and then, until the signal; then it is plugged in. */
export async function outages(
  { cable, everyMs, lastMs, random, onChange }: Outages,
  signal: AbortSignal,
): Promise<void> {
  const about = (ms: number) => wait(ms * (0.5 + random()), undefined, { signal });
  try {
    for (;;) {
      await about(everyMs);
      cable.pull();
      onChange(false);
      await about(lastMs);
      cable.plug();
      onChange(true);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    cable.plug();
  }
}
