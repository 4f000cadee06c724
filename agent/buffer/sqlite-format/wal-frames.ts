/**
 * Reads the frames of a WAL: a header of 32 bytes, then frames of a header and a page each
 * (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). Once all frames are in the
 * database SQLite starts over from the first one, with new salts, so frames of earlier rounds lie
 * behind those of the current one. A frame's checksums continue those of the frame before it.
 *
 * Frames of the current round that follow a commit without continuing its checksums are doubtful:
 * damage looks like that, and so do the frames of a rolled-back transaction, whose rows do not
 * count.
 */
import type { Buffer } from 'node:buffer';
import { PAGE_BYTES } from './btree-leaf.ts';
import type { ByteSource } from './byte-source.ts';

const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
/** With this magic checksums read big-endian words; otherwise (the usual case) little-endian. */
const BIG_ENDIAN_MAGIC = 0x377f0683;

/** Salts of frames that were never written: the WAL reserves space in advance. */
const NO_SALTS = '0'.repeat(16);

type Sums = readonly [number, number];

interface Frame {
  /** Offset of its page in the file. */
  readonly at: number;
  /** The number of its page. */
  readonly page: number;
  readonly commit: boolean;
  readonly salts: string;
  readonly sums: Sums;
}

export interface WalFrames {
  /**
   * Offsets of pages: the committed ones of this round, then doubtful ones, then those of earlier
   * rounds; each newest first.
   */
  readonly pages: readonly number[];
  /** How many of `pages` are committed. */
  readonly committed: number;
  /** Offset of a page's newest version, by its number: among committed, and among all frames. */
  readonly newestCommitted: ReadonlyMap<number, number>;
  readonly newest: ReadonlyMap<number, number>;
}

/** Never throws: a page is also found when the WAL's or its frame's header is damaged. */
export function readWalFrames(wal: ByteSource): WalFrames {
  const header = wal.read(0, WAL_HEADER_BYTES);
  const frames = framesOf(wal);
  const salts = saltsOf(header, frames);
  const inRound = 1 + frames.findLastIndex((frame) => frame.salts === salts);
  const round = frames.slice(0, inRound);
  const committed = committedOf(wal, header, round);
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

function framesOf(wal: ByteSource): Frame[] {
  const frames: Frame[] = [];
  for (let at = WAL_HEADER_BYTES; at + FRAME_HEADER_BYTES < wal.size; at += FRAME_BYTES) {
    const header = wal.read(at, FRAME_HEADER_BYTES);
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

/**
 * The salts of this round: the header's; if that is damaged, the most frequent ones of the first
 * three frames.
 */
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
 * Whether the WAL holds committed frames that SQLite does not read: it stops silently at the first
 * frame with wrong checksums. A crash leaves frames without a commit, which are rightly skipped.
 */
export function holdsUnread(wal: ByteSource): boolean {
  const header = wal.read(0, WAL_HEADER_BYTES);
  const frames = framesOf(wal);
  const salts = saltsOf(header, frames);
  const isOurs = (frame: Frame): boolean => frame.salts === salts;
  if (!isSound(header)) return frames.some((frame) => isOurs(frame) && frame.commit);
  const bigEndian = header.readUInt32BE(0) === BIG_ENDIAN_MAGIC;
  let before: Sums = [header.readUInt32BE(24), header.readUInt32BE(28)];
  for (const [index, frame] of frames.entries()) {
    if (!isOurs(frame) || !continues(wal, frame, bigEndian, before))
      return frames.slice(index).some((later) => isOurs(later) && later.commit);
    before = frame.sums;
  }
  return false;
}

/** Whether a frame's checksums continue those of the frame before it. */
function continues(wal: ByteSource, { at, sums }: Frame, bigEndian: boolean, before: Sums): boolean {
  const bytes = wal.read(at - FRAME_HEADER_BYTES, FRAME_BYTES);
  const [first, second] = summed(bytes, FRAME_PARTS, bigEndian, before);
  return first === sums[0] && second === sums[1];
}

/** How many frames of this round belong to committed transactions. */
function committedOf(wal: ByteSource, header: Buffer, round: readonly Frame[]): number {
  const bigEndian = header.readUInt32BE(0) === BIG_ENDIAN_MAGIC;
  let before: Sums = [header.readUInt32BE(24), header.readUInt32BE(28)];
  let afterCommit = true;
  let committed = 0;
  for (const [index, frame] of round.entries()) {
    const { commit, sums } = frame;
    if (afterCommit && index > 0 && !continues(wal, frame, bigEndian, before)) return committed;
    if (commit) committed = index + 1;
    afterCommit = commit;
    before = sums;
  }
  return committed;
}

/** The bytes that a frame's checksums cover: the first 8 of its header, and its page. */
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
