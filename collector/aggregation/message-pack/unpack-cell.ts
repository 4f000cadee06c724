/** Decompresses a rollup's cell. */
import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';

/** What one cell may unpack to. A day of 20,000 articles sold in every slot unpacks to 23 MiB. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
/** What unpacks to no more is unpacked faster than a thread could be asked to, or nearly so. */
const SMALL_BYTES = 256 * 1024;

const BOUND = { maxOutputLength: MAX_UNPACKED_BYTES };
const UNPACKING_SMALL = { ...BOUND, chunkSize: 64 * 1024 };
const unpackInThread = promisify(zstdDecompress);

/**
 * The content of a cell, at once if it is small.
 *
 * @throws RangeError on a cell that unpacks to more than any that this program writes
 */
export const unpackCell = (bytes: Uint8Array): Uint8Array | Promise<Uint8Array> =>
  isSmall(bytes) ? zstdDecompressSync(bytes, UNPACKING_SMALL) : unpackInThread(bytes, BOUND);

/** By the size that the first frame states (RFC 8878): if others follow, it is not small. */
function isSmall(bytes: Uint8Array): boolean {
  if (bytes.length < 16) return true;
  const descriptor = bytes[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1);
  // This program's frames state their size, and no dictionary.
  if ((descriptor & 0x03) !== 0) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment;
    case 1:
      return true;
    case 2:
      return view.getUint32(at, true) <= SMALL_BYTES;
    default:
      return false;
  }
}
