/** A batch's body, packed with zstd where that makes it smaller, and unpacked again in bounded memory. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Dictionary } from './dictionaries/released.ts';
import type { Codec } from './header.ts';

/** Below this a body is not worth a compressor's start: without a dictionary there is nothing to find in it. */
const MIN_BYTES = 192;
/** Above this a body has enough of its own to find: a dictionary saves a few per cent, and compressing takes up to twice as long. */
const MAX_BYTES_WITH_DICTIONARY = 8 * 1024;
/** Against level 3 some 5 % smaller for 50 ns an event more; beyond, each per cent costs several times that. With a dictionary too. */
const LEVEL = 6;
/** 2^22 bytes: no honest frame of at most 4 MiB needs a larger window. */
const MAX_WINDOW_LOG = 22;
/** Bounds of what zlib takes for its buffers; a small body needs no large one. */
const [MIN_CHUNK, MAX_CHUNK] = [64, 16 * 1024];

/** The header names the dictionary, so the frame does not. */
const COMPRESSION = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_dictIDFlag]: 0 };
const DECOMPRESSION = { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG };

const chunkFor = (bytes: number): number => Math.min(Math.max(bytes + 1, MIN_CHUNK), MAX_CHUNK);

export interface Packed {
  readonly body: Uint8Array;
  readonly codec: Codec;
  /** Id of the dictionary that was used; 0: none. */
  readonly dictionary: number;
}

/** @param dictionary one to use where it pays */
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
 * @param unpackedLength as stated by whoever packed it: no more is unpacked
 * @throws Error when the body is not what zstd packed, or is longer than stated
 */
export function unpackBody(body: Uint8Array, unpackedLength: number, dictionary: Dictionary | null): Uint8Array {
  const options = {
    maxOutputLength: Math.max(unpackedLength, 1),
    params: DECOMPRESSION,
    chunkSize: chunkFor(unpackedLength),
  };
  return zstdDecompressSync(body, dictionary === null ? options : { ...options, dictionary: dictionary.bytes });
}
