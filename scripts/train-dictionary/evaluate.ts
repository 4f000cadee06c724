/** Evaluates dictionaries on batches that they were not trained with. */
import { gzipSync } from 'node:zlib';
import { hourOf } from '../../shared/time.ts';
import { Columns } from '../../shared/wire/column-encoder.ts';
import { packBody } from '../../shared/wire/compression.ts';
import type { Dictionary } from '../../shared/wire/dictionaries/released.ts';
import { HEADER_BYTES } from '../../shared/wire/header.ts';
import { pack } from '../../shared/wire/message-pack.ts';
import type { Section } from '../bench/measure/report.ts';
import type { Trade } from './samples.ts';

const SIZES = [1, 2, 5, 10, 20];

export interface HeldOut {
  readonly name: string;
  readonly trades: readonly Trade[];
}

/** @param dictionaries by column name; a column without a dictionary is added */
export function comparison(heldOut: readonly HeldOut[], dictionaries: Readonly<Record<string, Dictionary>>): Section {
  const rows = heldOut.flatMap(({ name, trades }) =>
    SIZES.map((size) => {
      const batches = trades.flatMap(({ events, posted }) =>
        Array.from({ length: Math.floor(events.length / size) }, (_, at) => {
          const batch = events.slice(at * size, (at + 1) * size);
          return {
            plain: Uint8Array.from(pack(Columns.of(batch, hourOf(batch[0]!.ts)).body())),
            json: JSON.stringify(posted.slice(at * size, (at + 1) * size)),
          };
        }),
      );
      const perEvent = (bytes: (batch: (typeof batches)[number]) => number): number =>
        batches.reduce((sum, batch) => sum + bytes(batch), 0) / (batches.length * size);
      const sizes = Object.entries({ none: null, ...dictionaries }).map(([column, dictionary]) => [
        column,
        perEvent(({ plain }) => HEADER_BYTES + packBody(plain, dictionary).body.length),
      ]);
      return {
        events: name,
        'batch of': size,
        ...(Object.fromEntries(sizes) as Record<string, number>),
        'JSON+gzip': perEvent(({ json }) => gzipSync(json).length),
      };
    }),
  );
  return { name: 'Bytes an event on the wire, header and all', how: 'Of merchants that were not trained with.', rows };
}
