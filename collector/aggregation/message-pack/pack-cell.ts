/**
 * Compresses a rollup's cell with zstd: a small one with a dictionary, a large one in several
 * frames. `unpack-cell.ts` reads both, and those written before there was a dictionary.
 */
import { Buffer } from 'node:buffer';
import { zstdCompressSync } from 'node:zlib';
import type { Cooperative } from '../../../shared/cooperative.ts';
import { NEWEST } from './dictionaries/released.ts';

/**
 * Larger contents have enough repetition themselves: of 16 KiB a dictionary saves 4 %, and
 * compressing takes a third longer.
 */
export const MAX_BYTES_WITH_DICTIONARY = 8 * 1024;
/** Bytes of a frame, compressed in about two milliseconds. Most cells are smaller. */
const FRAME_BYTES = 512 * 1024;
/**
 * Bounds of the compressor's output buffers. Few cells are put together of pieces, and a small one
 * takes no large buffer: to get one would be half of its time.
 */
const [MIN_CHUNK, MAX_CHUNK] = [64, 64 * 1024];
/** What a frame may be longer than its content. */
const FRAME_OVERHEAD = 64;

/** Bytes of an output buffer for so many. */
export const chunkFor = (bytes: number): number => Math.min(Math.max(bytes, MIN_CHUNK), MAX_CHUNK);

/** A frame names its dictionary and its content's size (RFC 8878, section 3.1.1.1). */
export function* packCell(content: Uint8Array): Cooperative<Uint8Array> {
  const options = { chunkSize: chunkFor(content.length + FRAME_OVERHEAD) };
  if (content.length <= MAX_BYTES_WITH_DICTIONARY)
    return zstdCompressSync(content, { ...options, dictionary: NEWEST.bytes });
  const frames: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += FRAME_BYTES) {
    frames.push(zstdCompressSync(content.subarray(at, at + FRAME_BYTES), options));
    yield;
  }
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}
