/** Cells of rollups, read as the roll-up reads them. */
import { zstdDecompressSync } from 'node:zlib';
import { readArticles, readFigures, readPartial } from '../../../collector/aggregation/cell-entries.ts';
import type { Cube } from '../../../collector/aggregation/cube.ts';
import type { ItemMeasures, Measures } from '../../../collector/aggregation/measures.ts';
import type { PartialAggregate } from '../../../collector/aggregation/partial.ts';
import { type Cooperative, runToEnd } from '../../../shared/cooperative.ts';

export const decodePartial = (bytes: Uint8Array, base: number): Cooperative<PartialAggregate> =>
  readPartial(zstdDecompressSync(bytes), base);

export const decodeView = (bytes: Uint8Array, base: number): Cube<Measures> =>
  runToEnd(readFigures(zstdDecompressSync(bytes), 'view', base));

export const decodePartialFigures = (bytes: Uint8Array, base: number): Cube<Measures> =>
  runToEnd(readFigures(zstdDecompressSync(bytes), 'part', base));

export const decodeArticles = (bytes: Uint8Array, base: number): Cube<ItemMeasures> =>
  runToEnd(readArticles(zstdDecompressSync(bytes), base));
