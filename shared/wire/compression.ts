/**
 * Compresses a batch's body with zstd where that makes it smaller, and decompresses it in bounded
 * memory.
 */
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
/** Bounds of zlib's buffers; a small body needs no large one. */
const [MIN_CHUNK, MAX_CHUNK] = [64, 16 * 1024];

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
