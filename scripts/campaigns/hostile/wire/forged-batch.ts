/** Batches by hand: any body under a header that claims anything, both with valid checksums. */
import { Buffer } from 'node:buffer';
import { zstdCompressSync } from 'node:zlib';
import { crc32c } from '../../../../shared/crc32c.ts';
import { epoch } from '../../../../shared/ids.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import { type BatchHeader, HEADER_BYTES, writeHeader } from '../../../../shared/wire/header.ts';
import { pack } from '../../../../shared/wire/message-pack.ts';

/** A body as it is sent; made once, it serves any number of batches. */
export interface ForgedBody {
  readonly bytes: Buffer;
  readonly crc: number;
  readonly codec: BatchHeader['codec'];
  readonly unpackedLength: number;
}

export interface Claims {
  readonly epoch: string;
  readonly firstSeq: number;
  readonly count: number;
  /** Hours since 1970. */
  readonly hour: number;
}

/** Hours since 1970. */
export const hourNow = (): number => Math.floor(Date.now() / HOUR_MS);

export function compressed(columns: unknown): ForgedBody {
  const plain = pack(columns);
  const bytes = zstdCompressSync(plain);
  return { bytes, crc: crc32c(bytes), codec: 'zstd', unpackedLength: plain.length };
}

export function uncompressed(plain: Uint8Array): ForgedBody {
  const bytes = Buffer.from(plain);
  return { bytes, crc: crc32c(bytes), codec: 'none', unpackedLength: bytes.length };
}

/**
 * The columns of a sale without anything but an amount.
 *
 * @param amount minor units;
 * @param more columns of later versions
 */
export const saleColumns = (amount: number, ...more: readonly unknown[]): unknown[] => [
  ['sale', 'INR'],
  ...[0, 0, 0, 0, amount, 1, null, null, null],
  ...[0, [], []],
  ...[0, [], [], []],
  ...more,
];

/** One sale in fewer bytes than its ack. */
export const oneSale = (): ForgedBody => uncompressed(pack(saleColumns(1)));

export function forge({ bytes: body, crc, codec, unpackedLength }: ForgedBody, claims: Claims): WireBatch {
  const header: BatchHeader = {
    kind: 'events',
    codec,
    receiptLines: false,
    dictionary: 0,
    epoch: epoch(claims.epoch),
    firstSeq: claims.firstSeq,
    count: claims.count,
    hour: claims.hour,
    unpackedLength,
    clearThrough: 0,
    bodyCrc: crc,
  };
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  writeHeader(header, bytes);
  bytes.set(body, HEADER_BYTES);
  return { bytes, header };
}
