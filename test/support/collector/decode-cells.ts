/** Cells of rollups, read as the roll-up reads them. */
import { zstdDecompressSync } from 'node:zlib';
import { readArticles, readFigures, readPartial } from '../../../collector/aggregation/cell-entries.ts';
import type { Cube } from '../../../collector/aggregation/cube.ts';
import type { ItemMeasures, Measures } from '../../../collector/aggregation/measures.ts';
import { unpackCell } from '../../../collector/aggregation/message-pack/unpack-cell.ts';
import type { PartialAggregate } from '../../../collector/aggregation/partial.ts';
import { type Cooperative, runToEnd } from '../../../shared/cooperative.ts';

/** The content of a cell; a large one has no dictionary, and is not unpacked in a thread here. */
export function contentOf(cell: Uint8Array): Uint8Array {
  const content = unpackCell(cell);
  return content instanceof Promise ? zstdDecompressSync(cell) : content;
}

export const decodePartial = (bytes: Uint8Array, base: number): Cooperative<PartialAggregate> =>
  readPartial(contentOf(bytes), base);

export const decodeView = (bytes: Uint8Array, base: number): Cube<Measures> =>
  runToEnd(readFigures(contentOf(bytes), 'view', base));

export const decodePartialFigures = (bytes: Uint8Array, base: number): Cube<Measures> =>
  runToEnd(readFigures(contentOf(bytes), 'part', base));

export const decodeArticles = (bytes: Uint8Array, base: number): Cube<ItemMeasures> =>
  runToEnd(readArticles(contentOf(bytes), base));
