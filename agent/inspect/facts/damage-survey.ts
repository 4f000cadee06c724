/** What can still be read of a damaged file. */
import type { BufferReader, EventState } from '../../port/buffer-reader.ts';
import { ANY_EVENT, allLosses, eventPages } from './paging.ts';

export interface DamageSurvey {
  /** Readable ones. */
  readonly events: Readonly<Record<EventState, number>>;
  /** Rows that are not what was written. */
  readonly unreadable: number;
  /** Records of the ledger that can be read. */
  readonly losses: number;
  /** What cannot be read, in words. */
  readonly damage: readonly string[];
}

export const describeSurvey = ({ events, unreadable, losses }: DamageSurvey): string =>
  `What can be read: ${events.pending} events waiting, ${events.acked} acknowledged, ${events.quarantined} quarantined, ` +
  `${losses} loss records; ${unreadable} rows are not what was written.`;

export async function surveyDamage(reader: BufferReader, progress: (share: number) => void): Promise<DamageSurvey> {
  const events = { pending: 0, acked: 0, quarantined: 0 };
  const damage: string[] = [];
  let unreadable = 0;
  let losses = 0;
  try {
    for await (const page of eventPages(reader, ANY_EVENT, 'oldest')) {
      for (const { state, event } of page.events) {
        if (event === null) unreadable++;
        else events[state]++;
      }
      damage.push(...page.damage);
      progress(page.progress);
    }
  } catch (error) {
    damage.push(`the events cannot be read: ${(error as Error).message}`);
  }
  try {
    for await (const _ of allLosses(reader)) losses++;
  } catch (error) {
    damage.push(`the ledger cannot be read: ${(error as Error).message}`);
  }
  return { events, unreadable, losses, damage };
}
