/**
 * The write-ahead log: a header of 32 bytes, then frames of a header and a page each
 * (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). SQLite starts over from the first frame whenever all is in the database, under
 * other salts, so behind the frames of this round lie those of earlier ones. A frame's sums go on from those of the frame before it.
 *
 * Frames of this round that follow a commit without going on from it are doubtful: damage looks like that, and so does what a transaction
 * left that was rolled back, whose rows are none.
 */
import type { Buffer } from 'node:buffer';
import { PAGE_BYTES } from './btree-leaf.ts';
import type { ByteSource } from './byte-source.ts';

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
/** Sums take the words of the log as big-endian; otherwise, as on every usual machine, as little-endian. */
const BIG_ENDIAN_MAGIC = 0x377f0683;

/** Of frames that were never written: the log's file takes space in advance. */
const NO_SALTS = '0'.repeat(16);

type Sums = readonly [number, number];

interface Frame {
  /** Where its page lies. */
  readonly at: number;
  /** Number of its page. */
  readonly page: number;
  readonly commit: boolean;
  readonly salts: string;
  readonly sums: Sums;
}

export interface WalFrames {
  /** Offsets of pages, the newest first: the committed ones of this round, then doubtful ones, then what is left of earlier rounds. */
  readonly pages: readonly number[];
  /** How many of them are committed. */
  readonly committed: number;
  /** Where the newest version of a page lies, by its number: among the committed ones, and among all of this round. */
  readonly newestCommitted: ReadonlyMap<number, number>;
  readonly newest: ReadonlyMap<number, number>;
}

/** Never throws: a page whose frame lost its header is still a page. */
export function readWalFrames(log: ByteSource): WalFrames {
  const header = log.read(0, LOG_HEADER_BYTES);
  const frames = framesOf(log);
  const salts = saltsOf(header, frames);
  const inRound = 1 + frames.findLastIndex((frame) => frame.salts === salts);
  const round = frames.slice(0, inRound);
  const committed = committedOf(log, header, round);
  const newestFirst = (some: readonly Frame[]): number[] => some.map(({ at }) => at).reverse();
  const newest = (some: readonly Frame[]) =>
    new Map(some.filter((frame) => frame.salts === salts).map(({ page, at }) => [page, at]));
  return {
    pages: [
      ...newestFirst(round.slice(0, committed)),
      ...newestFirst(round.slice(committed)),
      ...newestFirst(frames.slice(inRound)),
    ],
    committed,
    newestCommitted: newest(round.slice(0, committed)),
    newest: newest(round),
  };
}

function framesOf(log: ByteSource): Frame[] {
  const frames: Frame[] = [];
  for (let at = LOG_HEADER_BYTES; at + FRAME_HEADER_BYTES < log.size; at += FRAME_BYTES) {
    const header = log.read(at, FRAME_HEADER_BYTES);
    frames.push({
      at: at + FRAME_HEADER_BYTES,
      page: header.readUInt32BE(0),
      commit: header.readUInt32BE(4) !== 0,
      salts: header.toString('hex', 8, 16),
      sums: [header.readUInt32BE(16), header.readUInt32BE(20)],
    });
  }
  return frames;
}

/** Of this round: the header's, unless it is damaged, then those that most of the first frames have. */
function saltsOf(header: Buffer, frames: readonly Frame[]): string {
  const ofHeader = header.toString('hex', 16, 24);
  const first = frames.slice(0, 3).flatMap(({ salts }) => (salts === NO_SALTS ? [] : [salts]));
  if (isSound(header)) return ofHeader;
  return first.find((salts, index) => first.indexOf(salts) !== index) ?? first[0] ?? ofHeader;
}

function isSound(header: Buffer): boolean {
  const magic = header.readUInt32BE(0);
  if (magic !== BIG_ENDIAN_MAGIC && magic !== BIG_ENDIAN_MAGIC - 1) return false;
  const [first, second] = summed(header, [[0, 24]], magic === BIG_ENDIAN_MAGIC, [0, 0]);
  return first === header.readUInt32BE(24) && second === header.readUInt32BE(28);
}

/**
 * Whether the log holds more than SQLite reads of it: that ends, without a word, at the first frame whose sums are wrong. Only what was
 * committed is meant; a crash leaves frames without a commit, which are rightly passed over.
 */
export function holdsUnread(log: ByteSource): boolean {
  const header = log.read(0, LOG_HEADER_BYTES);
  const frames = framesOf(log);
  const salts = saltsOf(header, frames);
  const isOurs = (frame: Frame): boolean => frame.salts === salts;
  if (!isSound(header)) return frames.some((frame) => isOurs(frame) && frame.commit);
  const bigEndian = header.readUInt32BE(0) === BIG_ENDIAN_MAGIC;
  let before: Sums = [header.readUInt32BE(24), header.readUInt32BE(28)];
  for (const [index, frame] of frames.entries()) {
    if (!isOurs(frame) || !goesOn(log, frame, bigEndian, before))
      return frames.slice(index).some((later) => isOurs(later) && later.commit);
    before = frame.sums;
  }
  return false;
}

/** Whether a frame's sums go on from those before it. */
function goesOn(log: ByteSource, { at, sums }: Frame, bigEndian: boolean, before: Sums): boolean {
  const bytes = log.read(at - FRAME_HEADER_BYTES, FRAME_BYTES);
  const [first, second] = summed(bytes, FRAME_PARTS, bigEndian, before);
  return first === sums[0] && second === sums[1];
}

/** How many frames of this round belong to transactions that were committed. */
function committedOf(log: ByteSource, header: Buffer, round: readonly Frame[]): number {
  const bigEndian = header.readUInt32BE(0) === BIG_ENDIAN_MAGIC;
  let before: Sums = [header.readUInt32BE(24), header.readUInt32BE(28)];
  let afterCommit = true;
  let committed = 0;
  for (const [index, frame] of round.entries()) {
    const { commit, sums } = frame;
    if (afterCommit && index > 0 && !goesOn(log, frame, bigEndian, before)) return committed;
    if (commit) committed = index + 1;
    afterCommit = commit;
    before = sums;
  }
  return committed;
}

/** What a frame's sums are over: the first 8 bytes of its header, and its page. */
const FRAME_PARTS = [
  [0, 8],
  [FRAME_HEADER_BYTES, FRAME_BYTES],
] as const;

function summed(
  bytes: Buffer,
  parts: readonly (readonly [number, number])[],
  bigEndian: boolean,
  [first, second]: Sums,
): Sums {
  let a = first | 0;
  let b = second | 0;
  for (const [start, end] of parts) {
    for (let at = start; at < end; at += 8) {
      a = (a + (bigEndian ? bytes.readInt32BE(at) : bytes.readInt32LE(at)) + b) | 0;
      b = (b + (bigEndian ? bytes.readInt32BE(at + 4) : bytes.readInt32LE(at + 4)) + a) | 0;
    }
  }
  return [a >>> 0, b >>> 0];
}
