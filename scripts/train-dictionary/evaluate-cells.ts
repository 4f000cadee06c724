/** Evaluates dictionaries on rollup cells that they were not trained with. */
import { zstdCompressSync } from 'node:zlib';
import type { Dictionary } from '../../shared/wire/dictionaries/released.ts';
import type { Section } from '../bench/measure/report.ts';

/** Upper ends of the classes of contents, in bytes. */
const SIZES = [512, 1_024, 2_048, 4_096, 8_192];

/** @param dictionaries by column name; a column without a dictionary is added */
export function cellComparison(
  contents: readonly Uint8Array[],
  dictionaries: Readonly<Record<string, Dictionary>>,
): Section {
  const rows = SIZES.flatMap((size, at) => {
    const some = contents.filter(({ length }) => length > (SIZES[at - 1] ?? 0) && length <= size);
    if (some.length === 0) return [];
    const mean = (bytes: (content: Uint8Array) => number): number =>
      some.reduce((sum, content) => sum + bytes(content), 0) / some.length;
    const sizes = Object.entries<Dictionary | null>({ none: null, ...dictionaries }).map(([column, dictionary]) => [
      column,
      mean((content) => zstdCompressSync(content, dictionary === null ? {} : { dictionary: dictionary.bytes }).length),
    ]);
    const packed = mean(({ length }) => length);
    return {
      'content up to': size,
      cells: some.length,
      packed,
      ...(Object.fromEntries(sizes) as Record<string, number>),
    };
  });
  return { name: 'Bytes a small rollup cell', how: 'Means, of merchants that were not trained with.', rows };
}
