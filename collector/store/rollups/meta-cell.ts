/**
 * The cell `m:meta` in MessagePack: a map. In a row with a sole partial an array, which is shorter:
 * without names, and times by their difference to the first.
 */
import { Buffer } from 'node:buffer';
import { pack, unpack } from '../../../shared/wire/message-pack.ts';
import type { RollupMeta } from './rollup.ts';

/** Of the array. */
const FORMAT = 1;
const DIGEST = /^[0-9a-f]{16}$/;

type Rest = Pick<RollupMeta, 'change' | 'keptFrom'>;

/** `null` stands for what is missing. */
type Packed = readonly [
  format: number,
  readAt: number,
  published: number,
  allRead: number,
  since: number | null,
  digest: Uint8Array,
  rows: number,
  events: number,
  conflicts: number,
  lost: number,
  earliestArrival: number | null,
  rest: Rest | null,
];

export interface ReadMeta {
  readonly meta: RollupMeta;
  /** Whether the row has a sole partial, and no views. */
  readonly isSole: boolean;
}

/** @param isSole of a row without overflow, and with all views */
export const packMeta = (meta: RollupMeta, isSole: boolean): Uint8Array => pack(isSole ? packedOf(meta) : meta);

/** @returns null when it cannot be read */
export function readMeta(cell: Uint8Array | undefined): ReadMeta | null {
  if (cell === undefined) return null;
  try {
    const value = unpack(cell);
    const isSole = Array.isArray(value);
    const meta = isSole ? metaOf(value as unknown as Packed) : (value as Partial<RollupMeta> | null);
    const { readAt, publishedAt, rows, digest, events, conflicts, lost, allReadAt } = meta ?? {};
    const numbers = [readAt, publishedAt, rows, events, conflicts, lost, allReadAt];
    const isReadable = DIGEST.test(digest ?? '') && numbers.every(Number.isFinite);
    return isReadable ? { meta: meta as RollupMeta, isSole } : null;
  } catch {
    return null;
  }
}

function packedOf(meta: RollupMeta): Packed {
  const { readAt, publishedAt, allReadAt, since, digest, rows, events, conflicts, lost, earliestArrival } = meta;
  const { change, keptFrom } = meta;
  const rest: Rest = { ...(change !== undefined && { change }), ...(keptFrom !== undefined && { keptFrom }) };
  return [
    FORMAT,
    readAt,
    publishedAt - readAt,
    allReadAt - readAt,
    since === undefined ? null : since - publishedAt,
    Buffer.from(digest, 'hex'),
    rows,
    events,
    conflicts,
    lost,
    earliestArrival === null ? null : earliestArrival - readAt,
    Object.keys(rest).length > 0 ? rest : null,
  ];
}

/** Unchecked. */
function metaOf(packed: Packed): Partial<RollupMeta> {
  const [format, readAt, published, allRead, since, digest, rows, events, conflicts, lost, earliest, rest] = packed;
  if (format !== FORMAT) return {};
  const publishedAt = readAt + published;
  return {
    ...{ readAt, publishedAt, rows, digest: Buffer.from(digest).toString('hex') },
    ...{ earliestArrival: earliest === null ? null : readAt + earliest, events, conflicts, lost, overflow: 0 },
    allReadAt: readAt + allRead,
    ...(since !== null && { since: publishedAt + since }),
    ...rest,
  };
}
