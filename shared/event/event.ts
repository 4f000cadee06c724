/**
 * A till's event after parsing, as it is stored, sent and folded. Only `parse.ts` makes one from a
 * till's JSON.
 */
import type { StoreId } from '../ids.ts';

export interface Item {
  readonly sku: string;
  /** Thousandths of a piece; negative: returned within a sale; 0: voided, counts nothing. */
  readonly qty: number;
  /**
   * Minor units of the event's currency per piece; negative: a discount. Null when the till gave
   * none; then there is an amount.
   */
  readonly price: number | null;
  /**
   * The line's total, minor units, in place of qty × price. Left out when the till gave none: the
   * hash of such a line's content has no place for it.
   */
  readonly amount?: number;
}

/** Facts about an event that its content does not show. */
export const FLAG = {
  /** The till's clock was known to be wrong when the event was stamped. */
  clockSuspect: 1,
  /** The till gave no `ts`; the agent set the time of acceptance. */
  tsDefaulted: 2,
  /** Something that looked like card data was masked. */
  masked: 4,
  /** The till's `ts` was of a clock known to be wrong; the agent corrected it. */
  tsCorrected: 8,
} as const;

export interface TillEvent {
  readonly type: string;
  /** Milliseconds since 1970. */
  readonly ts: number;
  /** The offset from UTC that the till wrote, in minutes. */
  readonly offset: number;
  /** Sum of `FLAG` bits. */
  readonly flags: number;
  /** Minor units; null when the till gave none. */
  readonly amount: number | null;
  /** ISO 4217. */
  readonly currency: string | null;
  /** The till's own id of the event. */
  readonly ref: string | null;
  readonly store: StoreId | null;
  /** key, value, key, value …, in ascending order of the keys, each once. */
  readonly dims: readonly string[];
  readonly items: readonly Item[];
  /** JSON text without spaces; kept, not interpreted. */
  readonly attrs: string | null;
}

export function dimension(event: TillEvent, key: string): string | null {
  const { dims } = event;
  for (let at = 0; at < dims.length; at += 2) if (dims[at] === key) return dims[at + 1]!;
  return null;
}
