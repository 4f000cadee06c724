/**
 * The row format of `events`: the encoded body, the checksum that guards a row (SQLite has none of
 * its own), and the one check of a stored row.
 */
import { Buffer } from 'node:buffer';
import { crc32c } from '../../../shared/crc32c.ts';
import type { Item, TillEvent } from '../../../shared/event/event.ts';
import { type Epoch, epoch, type StoreId } from '../../../shared/ids.ts';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';

export const STATE = { pending: 0, acked: 1, quarantined: 2 } as const;
export type State = (typeof STATE)[keyof typeof STATE];

type Body = [
  type: string,
  ts: number,
  offset: number,
  flags: number,
  amount: number | null,
  currency: string | null,
  ref: string | null,
  store: StoreId | null,
  dims: readonly string[],
  /** sku, qty, price, sku … */
  items: readonly (string | number | null)[],
  attrs: string | null,
  /** Of each item the line's total, or nil; left out where no item has one. */
  itemAmounts?: readonly (number | null)[],
];

/**
 * MessagePack array of the event's fields, in the order of `Body`. It is stored: a change needs a
 * new schema version, unless it adds a field that may be left out.
 */
export function encodeBody(event: TillEvent): Uint8Array {
  const items: (string | number | null)[] = [];
  let hasAmounts = false;
  for (const { sku, qty, price, amount } of event.items) {
    items.push(sku, qty, price);
    hasAmounts ||= amount !== undefined;
  }
  const { type, ts, offset, flags, amount, currency, ref, store, dims, attrs } = event;
  const body: Body = [type, ts, offset, flags, amount, currency, ref, store, dims, items, attrs];
  if (hasAmounts) body.push(event.items.map((item) => item.amount ?? null));
  return pack(body);
}

/**
 * @param bytes of a row whose checksum matched
 * @throws when they are not an encoded event
 */
export function decodeBody(bytes: Uint8Array): TillEvent {
  const [type, ts, offset, flags, amount, currency, ref, store, dims, flat, attrs, amounts] = unpack(bytes) as Body;
  const items: Item[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    const [sku, qty, price] = [flat[at] as string, flat[at + 1] as number, flat[at + 2] as number | null];
    const total = amounts?.[at / 3] ?? null;
    items.push(total === null ? { sku, qty, price } : { sku, qty, price, amount: total });
  }
  return { type, ts, offset, flags, amount, currency, ref, store, dims, items, attrs };
}

/** As `decodeBody`; the reason, for a message, when the bytes are not an encoded event. */
export function tryDecodeBody(bytes: Uint8Array): TillEvent | string {
  try {
    return decodeBody(bytes);
  } catch (error) {
    return (error as Error).message;
  }
}

const SUMMED_BYTES = 25;

/**
 * A row's checksum: CRC-32C of epoch (8 bytes), seq u64, hour u32, the body's CRC-32C and the state
 * u8, big-endian. The scratch buffer is reused from row to row.
 */
export class RowChecksum {
  readonly #scratch = Buffer.alloc(SUMMED_BYTES);
  #epoch: Epoch | null = null;

  of(epoch: Epoch, seq: number, hour: number, bodyCrc: number, state: State): number {
    const bytes = this.#scratch;
    if (epoch !== this.#epoch) {
      bytes.write(epoch, 0, 'hex');
      this.#epoch = epoch;
    }
    bytes.writeUInt32BE(Math.floor(seq / 2 ** 32), 8);
    bytes.writeUInt32BE(seq >>> 0, 12);
    bytes.writeUInt32BE(hour, 16);
    bytes.writeUInt32BE(bodyCrc, 20);
    bytes[24] = state;
    return crc32c(bytes);
  }
}

/** The columns of a row that its checksum guards. In a damaged file any field may hold anything. */
export interface GuardedRow {
  readonly epoch: string;
  readonly seq: number;
  /** Hours since 1970. */
  readonly hour: number;
  readonly state: State;
  readonly sum: number;
  readonly body: Buffer;
}

export interface EventRow extends GuardedRow {
  readonly id: number;
}

/**
 * The check of stored rows, one for all readers: checksum and place. `tryDecodeBody` follows it.
 */
export class RowCheck {
  readonly #checksum = new RowChecksum();
  #checkedEpoch: string | null = null;

  /** @returns the fault of the row, for a message; null when it holds what was written */
  fault({ epoch: text, seq, hour, state, sum, body }: GuardedRow): string | null {
    try {
      if (text !== this.#checkedEpoch) this.#checkedEpoch = epoch(text);
      const expected = this.#checksum.of(text as Epoch, seq, hour, crc32c(body), state);
      return sum === expected ? null : 'its checksum does not match';
    } catch (error) {
      return (error as Error).message;
    }
  }

  /**
   * As `fault`, and whether the row has the id that its seq says. The checksum comes first: unless
   * it matches, neither field can be believed.
   *
   * @param base of the row's epoch, an event's id less its seq; undefined when that is not known
   */
  faultAt(row: EventRow, base: number | undefined): string | null {
    const fault = this.fault(row);
    if (fault !== null) return fault;
    return row.id - row.seq === base ? null : 'it does not belong where it lies';
  }
}

/**
 * The value that a change of state XORs into a row's checksum. A CRC is affine: two inputs of one
 * length that differ in the last byte alone have checksums that differ by a constant. So an ack
 * does not need to read the rows.
 */
export function stateMask(from: State, to: State): number {
  const bytes = new Uint8Array(SUMMED_BYTES);
  bytes[SUMMED_BYTES - 1] = from;
  const before = crc32c(bytes);
  bytes[SUMMED_BYTES - 1] = to;
  return (before ^ crc32c(bytes)) >>> 0;
}
