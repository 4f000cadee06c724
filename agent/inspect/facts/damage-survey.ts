/** Counts what can still be read of a damaged file. */
import type { BufferReader, EventState } from '../../port/buffer-reader.ts';
import { ANY_EVENT, allLosses, eventPages } from './paging.ts';

export interface DamageSurvey {
  /** Readable events by state. */
  readonly events: Readonly<Record<EventState, number>>;
  /** Rows that do not match their checksum. */
  readonly unreadable: number;
  /** Loss records that can be read. */
  readonly losses: number;
  /** Descriptions of what cannot be read. */
  readonly damage: readonly string[];
}

export const describeSurvey = ({ events, unreadable, losses }: DamageSurvey): string =>
  `Readable: ${events.pending} pending, ${events.acked} acknowledged and ${events.quarantined} quarantined events, ` +
  `${losses} loss records. ${unreadable} rows do not match their checksum.`;

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
