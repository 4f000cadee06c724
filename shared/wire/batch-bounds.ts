/**
 * Bounds of a batch. What it unpacks to and what its events take in memory are bounded in
 * proportion to its bytes on the wire: columns of equal values compress to almost nothing, so a few
 * hundred bytes could hold a million items.
 *
 * Measured: nine months of real invoices unpack to at most 2.5 bytes, and take at most 21 bytes of
 * memory, per byte on the wire. The floors are for the honest till that sells one product all day:
 * 5,000 equal sales with three dims take 2.5 MiB from 180 bytes.
 */

export const MAX_EVENTS = 5_000;
/** Bytes of a batch on the wire, including the header. */
export const MAX_WIRE_BYTES = 128 * 1024;

/** More than any single event: 2,000 items with texts of 64 characters of four bytes. */
const UNPACKED_FLOOR = 640 * 1024;
const UNPACKED_RATIO = 8;
const DECODED_FLOOR = 4 * 1024 * 1024;
const DECODED_RATIO = 64;

/** Bytes that a body may have unpacked, for a batch of this many bytes on the wire. */
export const maxUnpackedBytes = (wireBytes: number): number => UNPACKED_FLOOR + UNPACKED_RATIO * wireBytes;

/** Bytes of memory that the events of a batch of this many bytes on the wire may take. */
export const maxDecodedBytes = (wireBytes: number): number => DECODED_FLOOR + DECODED_RATIO * wireBytes;

/** What a batch's events hold: counts, and characters of attrs, event by event. */
export interface BatchContent {
  readonly events: number;
  readonly items: number;
  readonly dims: number;
  readonly attrs: number;
}

/** Bytes of memory of events, as a model that sender and receiver agree on: it needs no objects. */
export const decodedBytes = ({ events, items, dims, attrs }: BatchContent): number =>
  256 * events + 64 * items + 64 * dims + attrs;
