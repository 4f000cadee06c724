/** Decompresses a rollup's cell. */
import { promisify } from 'node:util';
import { type ZstdOptions, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { releasedDictionary } from './dictionaries/released.ts';
import { chunkFor } from './pack-cell.ts';

/** What one cell may unpack to. A day of 20,000 articles sold in every slot unpacks to 23 MiB. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
/** What unpacks to no more is unpacked faster than a thread could be asked to, or nearly so. */
const SMALL_BYTES = 256 * 1024;

const BOUND = { maxOutputLength: MAX_UNPACKED_BYTES };
const unpackInThread = promisify(zstdDecompress);

/** An array of less than 16 in MessagePack: no zstd frame begins so. */
const isContent = ([first = 0]: Uint8Array): boolean => (first & 0xf0) === 0x90;

/**
 * The content of a cell, at once if it is small. A view that was made when its row was read is a
 * content already.
 *
 * @throws RangeError on a cell that unpacks to more than any that this program writes, or that is
 *   compressed with a dictionary that it does not know
 */
export function unpackCell(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (isContent(bytes)) return bytes;
  const { options, size } = frameOf(bytes);
  return size > SMALL_BYTES ? unpackInThread(bytes, options) : unpackAtOnce(bytes, size, options);
}

/**
 * The content of a cell that is small.
 *
 * @throws RangeError on a larger one, too
 */
export function unpackSmallCell(bytes: Uint8Array): Uint8Array {
  const { options, size } = frameOf(bytes);
  if (size > SMALL_BYTES) throw new RangeError(`a rollup cell of ${size} bytes is not small`);
  return unpackAtOnce(bytes, size, options);
}

const unpackAtOnce = (bytes: Uint8Array, size: number, options: ZstdOptions): Uint8Array =>
  zstdDecompressSync(bytes, { ...options, chunkSize: chunkFor(size + 1) });

function frameOf(bytes: Uint8Array): { readonly size: number; readonly options: ZstdOptions } {
  const { dictionary: id, size } = frameHead(bytes);
  if (id === 0) return { size, options: BOUND };
  const dictionary = releasedDictionary(id);
  if (dictionary === null)
    throw new RangeError(`a rollup cell is compressed with dictionary ${id}, which this program does not know`);
  return { size, options: { ...BOUND, dictionary: dictionary.bytes } };
}

interface FrameHead {
  /** 0: none. */
  readonly dictionary: number;
  /** Bytes that it unpacks to, as it states; infinite where that takes 64 bits or is missing. */
  readonly size: number;
}

/** Bytes of a frame's dictionary id and of its content size, by their flags. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
/** Fewer bytes are no frame: they are refused at once. */
const MIN_FRAME_BYTES = 6;

/** The head of the first frame (RFC 8878, section 3.1.1.1): if others follow, its size is large. */
function frameHead(bytes: Uint8Array): FrameHead {
  if (bytes.length < MIN_FRAME_BYTES) return { dictionary: 0, size: 0 };
  const descriptor = bytes[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const idBytes = DICTIONARY_ID_BYTES[descriptor & 0x03]!;
  const idAt = 5 + (isSingleSegment ? 0 : 1);
  const dictionary = littleEndian(bytes, idAt, idBytes);
  const sizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6]! || (isSingleSegment ? 1 : 0);
  if (sizeBytes === 0 || sizeBytes === 8) return { dictionary, size: Number.POSITIVE_INFINITY };
  const size = littleEndian(bytes, idAt + idBytes, sizeBytes);
  return { dictionary, size: sizeBytes === 2 ? size + 256 : size };
}

/** Bytes beyond the end count as 0: the decompressor refuses what is cut short. */
function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let from = at + length - 1; from >= at; from--) value = value * 0x100 + (bytes[from] ?? 0);
  return value;
}
