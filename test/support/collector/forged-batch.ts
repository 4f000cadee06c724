/**
 * Batches as a till makes them that wants to change its past: sales of any amount whose body has a
 * wanted CRC-32C, so that all but their bytes is like that of another batch.
 */
import { crc32c } from '../../../shared/crc32c.ts';
import type { Epoch } from '../../../shared/ids.ts';
import type { WireBatch } from '../../../shared/wire/batch.ts';
import { readHeader } from '../../../shared/wire/header.ts';
import { pack } from '../../../shared/wire/message-pack.ts';
import { sealed } from '../shared/seal-batch.ts';

export interface ForgedSale {
  readonly epoch: Epoch;
  readonly firstSeq: number;
  readonly hour: number;
  /** INR, in minor units. */
  readonly amount: number;
  /** CRC-32C of the body; left out: whatever comes. */
  readonly checksum?: number;
}

/** A batch of one sale. */
export function forgedSale({ amount, checksum, ...place }: ForgedSale): WireBatch {
  // The columns of one event, and one that no version knows: four bytes to be chosen freely.
  const columns = [['sale', 'INR'], 0, 0, 0, 0, amount, 1, null, null, null, 0, [], [], 0, [], [], []];
  const plain = Buffer.from(pack([...columns, Buffer.alloc(4)]));
  const body = checksum === undefined ? plain : withChecksum(plain, checksum);
  const bytes = sealed(body, { ...place, count: 1, clearThrough: 0 });
  const read = readHeader(bytes);
  if (!read.ok) throw new Error(read.detail);
  return { bytes, header: read.header };
}

/**
 * The bytes with other last four, so that their CRC-32C is the wanted one. Each bit of them changes
 * the checksum by a pattern of its own, whatever the others are, so it is a system of 32 linear
 * equations.
 */
function withChecksum(bytes: Buffer, wanted: number): Buffer {
  const start = crc32c(bytes);
  const flipped = (mask: number): Buffer => {
    const copy = Buffer.from(bytes);
    const at = copy.length - 4;
    copy.writeUInt32LE((copy.readUInt32LE(at) ^ mask) >>> 0, at);
    return copy;
  };
  // By their highest bit: which bits of the four bytes change the checksum by `pattern`.
  const basis: { pattern: number; mask: number }[] = [];
  const reduced = (pattern: number, mask: number) => {
    for (const one of basis)
      if ((pattern ^ one.pattern) >>> 0 < pattern) {
        pattern = (pattern ^ one.pattern) >>> 0;
        mask = (mask ^ one.mask) >>> 0;
      }
    return { pattern, mask };
  };
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0;
    const found = reduced((crc32c(flipped(mask)) ^ start) >>> 0, mask);
    if (found.pattern !== 0) basis.push(found);
    basis.sort((a, b) => b.pattern - a.pattern);
  }
  const { pattern, mask } = reduced((wanted ^ start) >>> 0, 0);
  if (pattern !== 0) throw new Error('no four bytes give this checksum');
  return flipped(mask);
}
