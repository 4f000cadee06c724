/** Rows of an hour that is dear to roll up. */

import { amplifiedRow, epochNumber } from '../collector/amplified-row.ts';
import type { SentRow } from '../collector/raw-rows.ts';
import { HOUR } from '../collector/till-events.ts';
import type { Region } from './region.ts';
import { salesIn } from './sales.ts';

/** 24 rows of an epoch each, 4 MiB when decoded: dear, but within all limits. */
export const dearRows = (region: Region): SentRow[] =>
  Array.from({ length: 24 }, (_, at) =>
    amplifiedRow(30, 2_000, {
      ...{
        arrival: Date.now(),
        merchant: region.merchant,
        terminal: region.events('a', 1, salesIn(HOUR, [1])).key.terminal,
      },
      ...{ hour: HOUR, epoch: epochNumber(at + 1) },
    }),
  );
