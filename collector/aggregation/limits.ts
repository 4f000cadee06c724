/** Limits of collector/aggregation: what a row, an hour or an answer may cost at most. */
import type { Limits } from '../../shared/limits.ts';
import { MAX_WIRE_BYTES, maxDecodedBytes, maxUnpackedBytes } from '../../shared/wire/batch-bounds.ts';

const MIB = 1024 * 1024;

export const AGGREGATION_LIMITS = {
  batchUnpackedBytes: {
    value: maxUnpackedBytes(MAX_WIRE_BYTES),
    unit: 'bytes',
    why: 'The body of the largest batch, unpacked; a smaller batch may have 640 KiB and 8 for each byte on the wire. Real invoices unpack to 2.5 bytes a byte.',
  },
  batchDecodedBytes: {
    value: maxDecodedBytes(MAX_WIRE_BYTES),
    unit: 'bytes',
    why: "The largest batch's events in memory; a smaller batch may have 4 MiB and 64 for each byte on the wire. Real invoices take 21, and 5,000 equal sales with three dims 2.5 MiB in all.",
  },
  foldCost: {
    value: 2048 * MIB,
    unit: 'bytes',
    why: "What all batches of one terminal and hour may decode to, 4 KiB a batch included: ten seconds of work. It is four million usual sales, a thousand a second for the whole hour; a till's backlog of a million takes a quarter.",
  },
  foldBytes: {
    value: 32 * MIB,
    unit: 'bytes',
    why: 'Memory of one terminal and hour while it is folded. A till with 20,000 articles and 12 cashiers stays below 20 MiB.',
  },
  foldWindowBytes: {
    value: maxDecodedBytes(MAX_WIRE_BYTES),
    unit: 'bytes',
    why: 'Events that a later batch may still claim. Honest batches repeat the same events, so that one batch holds them all; only batches that contradict each other exceed it.',
  },
  mergeBytes: {
    value: 128 * MIB,
    unit: 'bytes',
    why: 'Memory of the merged figures of an hour or a day, over all terminals. A thousand shops of twenty different prices a quarter of an hour hold 90 MiB in a day. A day beyond it is answered from its hours.',
  },
} as const satisfies Limits;
