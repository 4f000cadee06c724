/** Kills in the middle of a replay: each strikes while events are on their way, and the replay cannot end before the last one. */

import type { Till } from '../../../scripts/clients/till.ts';
import type { TillEvent } from '../../../scripts/clients/till-event.ts';
import { play, type Tally } from '../../../scripts/replay/player.ts';

export interface Strike {
  readonly name: string;
  /** Kills, and brings back; resolves when that is up again. */
  readonly run: () => Promise<unknown>;
}

/** Events still on their way when a strike falls. */
const IN_FLIGHT = 10;

/**
 * Plays `events` and spreads the strikes evenly over them.
 *
 * @param count of the events
 * @returns what the tills tell, and the names of the strikes in the order they fell
 */
export async function playThrough(
  events: AsyncIterable<TillEvent>,
  count: number,
  tills: readonly Till[],
  strikes: readonly Strike[],
): Promise<{ tally: Tally; struck: string[] }> {
  const step = Math.floor(count / (strikes.length + 1));
  if (step <= IN_FLIGHT) throw new RangeError(`${count} events are too few for ${strikes.length} strikes`);
  const begun = strikes.map(() => Promise.withResolvers<void>());
  const reached = strikes.map(() => Promise.withResolvers<void>());
  const ended = new AbortController();
  const struck: string[] = [];

  async function* held(): AsyncGenerator<TillEvent> {
    let index = 0;
    for await (const event of events) {
      if (index > 0 && index % step === 0) await begun[index / step - 1]?.promise;
      yield event;
      index++;
    }
  }
  const strikeAll = async (): Promise<void> => {
    for (const [index, strike] of strikes.entries()) {
      await reached[index]!.promise;
      begun[index]!.resolve();
      struck.push(strike.name);
      await strike.run();
    }
  };
  const onProgress = ({ sent }: Readonly<Tally>): void => {
    const due = Math.floor((sent + IN_FLIGHT) / step);
    for (let index = 0; index < Math.min(due, strikes.length); index++) reached[index]!.resolve();
  };
  const playing = play(held(), tills, {
    speed: Number.POSITIVE_INFINITY,
    batch: 1,
    now: () => performance.now(),
    signal: ended.signal,
    onProgress,
  });
  try {
    const [tally] = await Promise.all([playing, strikeAll()]);
    return { tally, struck };
  } catch (error) {
    ended.abort(error);
    for (const gate of begun) gate.resolve();
    await Promise.allSettled([playing]);
    throw error;
  }
}
