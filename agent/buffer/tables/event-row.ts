/** How an event lies in a row of the buffer: its bytes, and the checksum that guards them (SQLite has none of its own). */
import { Buffer } from 'node:buffer';
import { crc32c } from '../../../shared/crc32c.ts';
import type { Item, TillEvent } from '../../../shared/event/event.ts';
import type { Epoch, StoreId } from '../../../shared/ids.ts';
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
  items: readonly (string | number)[],
  attrs: string | null,
];

/** MessagePack array of the event's fields, in the order of `Body`. Kept in files: a change needs a new schema version. */
export function encodeBody(event: TillEvent): Uint8Array {
  const items: (string | number)[] = [];
  for (const { sku, qty, price } of event.items) items.push(sku, qty, price);
  const { type, ts, offset, flags, amount, currency, ref, store, dims, attrs } = event;
  const body: Body = [type, ts, offset, flags, amount, currency, ref, store, dims, items, attrs];
  return pack(body);
}

/** @param bytes of a row whose checksum matched */
export function decodeBody(bytes: Uint8Array): TillEvent {
  const [type, ts, offset, flags, amount, currency, ref, store, dims, flat, attrs] = unpack(bytes) as Body;
  const items: Item[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    items.push({ sku: flat[at] as string, qty: flat[at + 1] as number, price: flat[at + 2] as number });
  }
  return { type, ts, offset, flags, amount, currency, ref, store, dims, items, attrs };
}

const SUMMED_BYTES = 25;

/** Sums the rows of one buffer: CRC-32C of epoch (8 bytes), seq u64, hour u32, the body's CRC-32C and the state u8, big-endian. */
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

/**
 * What a change of state XORs into a row's checksum. A CRC is affine: of two inputs of one length that differ in the last byte alone the
 * checksums differ by a constant, so settling needs not read the rows.
 */
export function stateMask(from: State, to: State): number {
  const bytes = new Uint8Array(SUMMED_BYTES);
  bytes[SUMMED_BYTES - 1] = from;
  const before = crc32c(bytes);
  bytes[SUMMED_BYTES - 1] = to;
  return (before ^ crc32c(bytes)) >>> 0;
}
