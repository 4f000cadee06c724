/** The rows of the store that a backup holds, and those that say nothing once it is restored. */
import { Buffer } from 'node:buffer';
import { controlKey } from '../../shared/keys.ts';
import { isFinalityRow } from '../store/finality.ts';
import type { Row } from '../store/tables.ts';
import type { BackedUp } from './manifest.ts';

/** Every key: none begins with two bytes 0xff. */
export const ALL_ROWS = { start: Buffer.of(), stop: Buffer.of(0xff, 0xff) };

/**
 * Of `control`: write probes; leases; how long commits took; parked hours and cursors of builds,
 * which are of rollups that are made anew; the generation, because a restored store gets another;
 * and how the store itself was restored.
 */
const LEFT_OUT = [
  controlKey('probe', ''),
  controlKey('commits', ''),
  controlKey('reprocess', ''),
  controlKey('parked', ''),
  controlKey('lease', ''),
  controlKey('store', 'generation'),
  controlKey('store', 'restore'),
];

const isOfControl = ({ row }: Row): boolean =>
  LEFT_OUT.some((prefix) => Buffer.compare(row.subarray(0, prefix.length), prefix) === 0);

/** Of `terminals`: how far figures are final, which is found anew from what is restored. */
export const isLeftOut = (table: BackedUp, row: Row): boolean =>
  (table === 'control' && isOfControl(row)) || (table === 'terminals' && isFinalityRow(row));
