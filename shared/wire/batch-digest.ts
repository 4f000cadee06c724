/**
 * Digest of what a wire batch says, for its name in the store: SipHash-2-4 of
 *
 *     version u8 · flags u8 · dictionary u16 · unpackedLength u32 · body as sent
 *
 * Whoever has not the key cannot make two batches of one name. The header's other fields that
 * decide what a batch says (epoch, firstSeq, count, hour) are in the name beside the digest. Left
 * out are clearThrough and TLVs, which may differ when an agent sends the same events again, and
 * the checksums.
 */
import { Buffer } from 'node:buffer';
import { sipHash } from '../siphash.ts';
import { MAX_WIRE_BYTES } from './batch.ts';

const PREFIX_BYTES = 8;
/** Where the message is put together: hashing is synchronous. */
const MESSAGE = Buffer.alloc(PREFIX_BYTES + MAX_WIRE_BYTES);

/**
 * @param key of SipHash, 16 bytes
 * @param batch a whole wire batch, of which at least the header was read
 * @returns 16 hex digits
 */
export function batchDigest(key: Uint8Array, batch: Uint8Array): string {
  const { buffer, byteOffset, length } = batch;
  const bytes = Buffer.from(buffer, byteOffset, length);
  const bodyStart = bytes.readUInt16BE(3);
  const end = PREFIX_BYTES + length - bodyStart;
  const message = end <= MESSAGE.length ? MESSAGE : Buffer.alloc(end);
  message[0] = bytes[2]!;
  message[1] = bytes[5]!;
  bytes.copy(message, 2, 6, 8);
  bytes.copy(message, 4, 32, 36);
  bytes.copy(message, PREFIX_BYTES, bodyStart);
  return sipHash(key, message.subarray(0, end));
}
