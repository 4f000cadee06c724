import { zstdCompressSync } from 'node:zlib';
import { crc32c } from '../../../shared/crc32c.ts';
import { releasedDictionary } from '../../../shared/wire/dictionaries/released.ts';
import { type BatchHeader, HEADER_BYTES, writeHeader } from '../../../shared/wire/header.ts';
import { HOUR, IDENTITY } from './arbitrary-event.ts';

export type Claims = Partial<Omit<BatchHeader, 'bodyCrc'>>;

/**
 * A message of a hostile agent: any body under a header that claims anything, both with valid
 * checksums.
 */
export function sealed(plain: Uint8Array, claims: Claims = {}, body?: Uint8Array): Buffer {
  const { bytes: dictionary } = releasedDictionary(claims.dictionary ?? 0) ?? {};
  const packed = () => zstdCompressSync(plain, dictionary === undefined ? {} : { dictionary });
  const sent = body ?? (claims.codec === 'zstd' ? packed() : plain);
  const message = Buffer.alloc(HEADER_BYTES + sent.length);
  const header: BatchHeader = {
    kind: 'events',
    codec: 'none',
    receiptLines: false,
    dictionary: 0,
    ...IDENTITY,
    hour: HOUR,
    count: 1,
    unpackedLength: plain.length,
    ...claims,
    bodyCrc: crc32c(sent),
  };
  writeHeader(header, message);
  message.set(sent, HEADER_BYTES);
  return message;
}

/** Puts the header's checksum right after its bytes were edited. */
export function resealed(message: Uint8Array): Buffer {
  const edited = Buffer.from(message);
  const checked = edited.readUInt16BE(3) - 4;
  edited.writeUInt32BE(crc32c(edited, 0, checked), checked);
  return edited;
}
