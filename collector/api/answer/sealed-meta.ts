/** What an answer says of sealed hours: what came for them too late is in none of its figures. */
import type { MerchantId } from '../../../shared/ids.ts';
import { hourOf, type Range } from '../../../shared/time.ts';
import { OPEN_AFTER_END_MS, type SealedHours } from '../../store/sealing/sealed-hours.ts';

export interface SealedMeta {
  readonly sealed?: {
    /** Sealed hours of the range for which something came. */
    readonly hours: number;
    readonly lateBatches: number;
    readonly lateEvents: number;
  };
}

/** Nothing where nothing came. A range that may have no sealed hour costs no read. */
export async function sealedMeta(
  sealed: Pick<SealedHours, 'areSealed' | 'areSome' | 'of'>,
  merchant: MerchantId,
  { from, to }: Range,
  now: number,
): Promise<SealedMeta> {
  if (!sealed.areSealed || from >= now - OPEN_AFTER_END_MS || !(await sealed.areSome(now))) return {};
  let [hours, lateBatches, lateEvents] = [0, 0, 0];
  for await (const { batches, events } of sealed.of(merchant, hourOf(from), hourOf(to - 1) + 1)) {
    hours++;
    lateBatches += batches;
    lateEvents += events;
  }
  return hours === 0 ? {} : { sealed: { hours, lateBatches, lateEvents } };
}
