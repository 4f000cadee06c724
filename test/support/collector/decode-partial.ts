/** A published partial aggregate, read as the roll-up reads it. */
import { zstdDecompressSync } from 'node:zlib';
import { readPartial } from '../../../collector/aggregation/cell-entries.ts';
import type { PartialAggregate } from '../../../collector/aggregation/partial.ts';
import type { Cooperative } from '../../../shared/cooperative.ts';

export const decodePartial = (bytes: Uint8Array, base: number): Cooperative<PartialAggregate> =>
  readPartial(zstdDecompressSync(bytes), base);
