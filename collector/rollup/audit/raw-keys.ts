/**
 * What the raw log holds of each hour, told by its keys alone: their number, and their digest,
 * which does not depend on their order.
 */
import type { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { addDigest, type Digest, digestOf, NO_DIGEST } from '../../aggregation/hashes/row-set-digest.ts';
import type { EventLog } from '../../store/event-log.ts';

export interface RawHour {
  /** Hours since 1970. */
  readonly hour: number;
  rows: number;
  digest: Digest;
  /** Milliseconds since 1970. */
  newestArrival: number;
}

/** Hours with raw rows of a half-open range, in order: one scan of keys, whatever the range. */
export async function* rawHours(
  log: Pick<EventLog, 'keys'>,
  merchant: MerchantId,
  from: number,
  to: number,
  slices: Slices,
): AsyncGenerator<RawHour, void, undefined> {
  let current: RawHour | null = null as RawHour | null;
  for await (const { hour, rowKey, arrival } of log.keys(merchant, from, to)) {
    if (current !== null && current.hour !== hour) {
      yield current;
      current = null;
    }
    current ??= { hour, rows: 0, digest: NO_DIGEST, newestArrival: 0 };
    current.rows++;
    current.digest = addDigest(current.digest, digestOf(rowKey));
    current.newestArrival = Math.max(current.newestArrival, arrival);
    if (slices.isUsedUp) await slices.pause();
  }
  if (current !== null) yield current;
}

/** Terminals with raw rows in a half-open range of hours. */
export async function rawTerminals(
  log: Pick<EventLog, 'scan'>,
  merchant: MerchantId,
  from: number,
  to: number,
  slices: Slices,
): Promise<Set<TerminalId>> {
  const terminals = new Set<TerminalId>();
  for await (const { key } of log.scan(merchant, from, to, { keysOnly: true })) {
    terminals.add(key.terminal);
    if (slices.isUsedUp) await slices.pause();
  }
  return terminals;
}
