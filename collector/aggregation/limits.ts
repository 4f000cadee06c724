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
    value: 64 * MIB,
    unit: 'bytes',
    why: 'Memory of one terminal and hour while it is folded. At partEntries and partArticleEntries it takes 54 MiB without percentiles and customers; a till with 20,000 articles and 12 cashiers stays below 20 MiB.',
  },
  foldWindowBytes: {
    value: maxDecodedBytes(MAX_WIRE_BYTES),
    unit: 'bytes',
    why: 'Events that a later batch may still claim. Honest batches repeat the same events, so that one batch holds them all; only batches that contradict each other exceed it.',
  },
  mergeBytes: {
    value: 128 * MIB,
    unit: 'bytes',
    why: 'Memory of the merged figures of an hour, over all terminals, or of one view of a day. A thousand shops of twenty different prices a quarter of an hour hold 90 MiB in a day. What of a day is beyond it is answered from its hours.',
  },
  partGroups: {
    value: 5_000,
    unit: 'count',
    why: 'Combinations of values that are published of one terminal and hour. In each dimension the values that sold most are kept, as many as fit; the others count under (other). 12 cashiers, 8 categories and 5 methods are 960 for sales and refunds.',
  },
  viewGroups: {
    value: 20_000,
    unit: 'count',
    why: 'The same of all terminals and one dimension: 10,000 cashiers or shops with sales and refunds in one hour.',
  },
  articles: {
    value: 20_000,
    unit: 'count',
    why: 'Articles that are published of an hour, of one terminal and of all. A supermarket sells 8,000 in an hour.',
  },
  partEntries: {
    value: 25_000,
    unit: 'count',
    why: 'Combinations of values, times quarter hours, that a fold ranks by what they sold: more than partGroups in all four quarter hours. Of more it takes those of the lower hashes, whatever the order of arrival.',
  },
  partArticleEntries: {
    value: 100_000,
    unit: 'count',
    why: 'The same of articles: 25,000 in each quarter of an hour, or 100,000 that sell in one.',
  },
  viewEntries: {
    value: 200_000,
    unit: 'count',
    why: 'The same of each view of all terminals of an hour, articles included: 50,000 articles in each quarter of an hour take 40 MiB.',
  },
  cubeBytes: {
    value: 4 * MIB,
    unit: 'bytes',
    why: "What an hour's groups, sums and articles may take in a cell each before it is compressed. At viewGroups and articles, with names of 8 characters, it is reached.",
  },
  cellBytes: {
    value: 8 * MIB,
    unit: 'bytes',
    why: 'A cell of a rollup, compressed: HBase refuses cells of 10 MiB. A view beyond it is left out of its row and answered from the hours or the raw log, a terminal beyond it is parked.',
  },
} as const satisfies Limits;
