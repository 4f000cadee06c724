/**
 * Compresses a batch's body with zstd where that makes it smaller, and decompresses it in bounded
 * memory.
 */
import { Buffer } from 'node:buffer';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Dictionary } from './dictionaries/released.ts';
import type { Codec } from './header.ts';

/**
 * Smaller bodies are not worth starting a compressor: without a dictionary they contain no
 * repetition.
 */
const MIN_BYTES = 192;
/**
 * Larger bodies contain enough repetition themselves: a dictionary saves a few per cent, and
 * compression takes up to twice as long.
 */
const MAX_BYTES_WITH_DICTIONARY = 8 * 1024;
/**
 * Compared to level 3 about 5 % smaller for 50 ns more per event; beyond, each per cent costs
 * several times that. With a dictionary too.
 */
const LEVEL = 6;
/** 2^22 bytes: no valid frame of at most 4 MiB needs a larger window. */
const MAX_WINDOW_LOG = 22;
/** Bounds of zlib's buffers: a small body needs no large one, a large one is best in one piece. */
const [MIN_CHUNK, MAX_CHUNK] = [64, 128 * 1024];

/** The header names the dictionary, so the frame does not. */
const COMPRESSION = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_dictIDFlag]: 0 };
const DECOMPRESSION = { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG };

const chunkFor = (bytes: number): number => Math.min(Math.max(bytes + 1, MIN_CHUNK), MAX_CHUNK);

export interface Packed {
  readonly body: Uint8Array;
  readonly codec: Codec;
  /** Id of the dictionary used; 0: none. */
  readonly dictionary: number;
}

/** @param dictionary used where it pays off */
export function packBody(plain: Uint8Array, dictionary: Dictionary | null): Packed {
  const used = plain.length <= MAX_BYTES_WITH_DICTIONARY ? dictionary : null;
  if (used !== null || plain.length >= MIN_BYTES) {
    const options = { params: COMPRESSION, chunkSize: chunkFor(plain.length) };
    const body = zstdCompressSync(plain, used === null ? options : { ...options, dictionary: used.bytes });
    if (body.length < plain.length) return { body, codec: 'zstd', dictionary: used?.id ?? 0 };
  }
  return { body: plain, codec: 'none', dictionary: 0 };
}

/**
 * @param unpackedLength as stated by the sender: no more is decompressed
 * @throws Error when the body is not zstd, or longer than stated
 */
export function unpackBody(body: Uint8Array, unpackedLength: number, dictionary: Dictionary | null): Uint8Array {
  const options = {
    maxOutputLength: Math.max(unpackedLength, 1),
    params: DECOMPRESSION,
    chunkSize: chunkFor(unpackedLength),
  };
  return zstdDecompressSync(body, dictionary === null ? options : { ...options, dictionary: dictionary.bytes });
}

/** A body that says what it unpacks to. */
export interface PackedBody {
  readonly body: Uint8Array;
  readonly unpackedLength: number;
}

/**
 * Unpacks bodies in one go: to start a decompressor takes many times as long as a small body. What
 * a body unpacks to is as it would be by itself, because each is one whole frame (`isWholeFrame`).
 *
 * @returns null unless all can be unpacked
 */
export function unpackTogether(bodies: readonly PackedBody[], dictionary: Dictionary | null): Uint8Array[] | null {
  const total = bodies.reduce((sum, { unpackedLength }) => sum + unpackedLength, 0);
  let all: Uint8Array;
  try {
    all = unpackBody(Buffer.concat(bodies.map(({ body }) => body)), total, dictionary);
  } catch {
    return null;
  }
  if (all.length !== total) return null;
  let at = 0;
  return bodies.map(({ unpackedLength }) => {
    at += unpackedLength;
    return all.subarray(at - unpackedLength, at);
  });
}

const FRAME_MAGIC = 0xfd2fb528;
/** Bytes of a frame's dictionary id and of its content size, by their flags. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * Whether a body is one frame of zstd (RFC 8878, section 3.1.1), neither cut nor followed by
 * anything, that states its content's size: a decompressor makes that of it, or fails.
 */
export function isWholeFrame({ body, unpackedLength }: PackedBody): boolean {
  if (body.length < 6) return false;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  if (view.getUint32(0, true) !== FRAME_MAGIC) return false;
  const descriptor = body[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6]! || (isSingleSegment ? 1 : 0);
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 0x03]!;
  let at = sizeAt + sizeBytes;
  // Small bodies have no size of 64 bits.
  if (sizeBytes === 0 || sizeBytes === 8 || at > body.length) return false;
  const size =
    sizeBytes === 1
      ? body[sizeAt]!
      : sizeBytes === 2
        ? 256 + view.getUint16(sizeAt, true)
        : view.getUint32(sizeAt, true);
  if (size !== unpackedLength) return false;
  for (let isLast = false; !isLast; ) {
    if (at + 3 > body.length) return false;
    const block = body[at]! | (body[at + 1]! << 8) | (body[at + 2]! << 16);
    isLast = (block & 1) !== 0;
    const type = (block >> 1) & 3;
    if (type === RESERVED_BLOCK) return false;
    at += 3 + (type === RLE_BLOCK ? 1 : block >> 3);
  }
  return at + ((descriptor & 0x04) === 0 ? 0 : 4) === body.length;
}
