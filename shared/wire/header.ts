/**
 * The plain header of a wire batch. All integers big-endian.
 *
 *      0  magic "TS"
 *      2  version u8
 *      3  headerLength u16
 *      5  flags u8
 *      6  dictionary u16
 *      8  epoch, 8 bytes
 *     16  firstSeq u64
 *     24  count u32
 *     28  hour u32
 *     32  unpackedLength u32
 *     36  clearThrough u64
 *     44  bodyCrc u32 (CRC-32C of the body as sent)
 *     48  TLVs: type u8, length u8, value; unknown ones are skipped
 *     headerLength - 4  headerCrc u32 (CRC-32C of everything before it)
 *
 * Later versions keep bytes 0 to 47 and the position of the header's checksum, so that a collector
 * can identify, and refuse, a batch that it cannot decode.
 */
import { Buffer } from 'node:buffer';
import type { Epoch } from '../ids.ts';
import { type Kind, REGISTRY_EPOCH } from '../keys.ts';
import { crc32c } from './crc32c.ts';

export const VERSION = 1;
const MAGIC = 0x5453;
const FIXED_BYTES = 48;
const CRC_BYTES = 4;
export const HEADER_BYTES = FIXED_BYTES + CRC_BYTES;

const FLAG_LOSSES = 0x01;
const CODEC_SHIFT = 1;
const CODEC_MASK = 0x03;
const FLAG_RECEIPT_LINES = 0x08;
const KNOWN_FLAGS = 0x0f;
const CODECS = ['none', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

export interface BatchHeader {
  readonly kind: Kind;
  readonly codec: Codec;
  /**
   * Whether the items may be lines of receipts: qty and price of any sign, no price, totals
   * (column 17). A collector that cannot read them does not know the flag, and says so.
   */
  readonly receiptLines: boolean;
  /** 0: none. Released dictionaries are kept permanently. */
  readonly dictionary: number;
  readonly epoch: Epoch;
  readonly firstSeq: number;
  /** How many seqs the batch covers, from firstSeq on. */
  readonly count: number;
  /** Hours since 1970. */
  readonly hour: number;
  /** Bytes of the body once unpacked. */
  readonly unpackedLength: number;
  /**
   * Low watermark: the agent holds nothing older than this, milliseconds since 1970; 0: unknown.
   */
  readonly clearThrough: number;
  readonly bodyCrc: number;
}

export interface Refusal {
  readonly ok: false;
  /**
   * As in the ack: resent (damaged), kept until the collector is newer (unsupported), refused
   * permanently (invalid).
   */
  readonly result: 'damaged' | 'unsupported' | 'invalid';
  readonly detail: string;
  /**
   * The header of a batch that can be identified though not decoded; null when the header cannot be
   * trusted.
   */
  readonly header: BatchHeader | null;
}

export type ReadHeader = { readonly ok: true; readonly header: BatchHeader; readonly bodyStart: number } | Refusal;

const readU64 = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);

const writeU64 = (bytes: Buffer, value: number, at: number): void => {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value % 2 ** 32, at + 4);
};

const flagsOf = ({ kind, codec, receiptLines }: BatchHeader): number =>
  (kind === 'losses' ? FLAG_LOSSES : 0) |
  (CODECS.indexOf(codec) << CODEC_SHIFT) |
  (receiptLines ? FLAG_RECEIPT_LINES : 0);

/** Writes the header at the start of `into`, which has room for `HEADER_BYTES`. */
export function writeHeader(header: BatchHeader, into: Buffer): void {
  into.writeUInt16BE(MAGIC, 0);
  into.writeUInt8(VERSION, 2);
  into.writeUInt16BE(HEADER_BYTES, 3);
  into.writeUInt8(flagsOf(header), 5);
  into.writeUInt16BE(header.dictionary, 6);
  into.write(header.epoch, 8, 'hex');
  writeU64(into, header.firstSeq, 16);
  into.writeUInt32BE(header.count, 24);
  into.writeUInt32BE(header.hour, 28);
  into.writeUInt32BE(header.unpackedLength, 32);
  writeU64(into, header.clearThrough, 36);
  into.writeUInt32BE(header.bodyCrc, 44);
  into.writeUInt32BE(crc32c(into, 0, FIXED_BYTES), FIXED_BYTES);
}

/**
 * @returns the end of the TLVs; they are malformed if it is not where the header's checksum begins
 */
function tlvsEnd(bytes: Buffer, end: number): number {
  let at = FIXED_BYTES;
  while (at + 2 <= end) at += 2 + bytes[at + 1]!;
  return at;
}

/** Reads and checks a header; never throws. */
export function readHeader(message: Uint8Array): ReadHeader {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const refuse = (result: Refusal['result'], detail: string, header: BatchHeader | null = null): Refusal => ({
    ok: false,
    result,
    detail,
    header,
  });
  if (bytes.length < HEADER_BYTES) return refuse('damaged', `${bytes.length} bytes are too few for a header`);
  if (bytes.readUInt16BE(0) !== MAGIC) return refuse('damaged', 'does not start with "TS"');
  const headerLength = bytes.readUInt16BE(3);
  if (headerLength < HEADER_BYTES || headerLength > bytes.length) {
    return refuse('damaged', `header length ${headerLength} does not fit`);
  }
  const checked = headerLength - CRC_BYTES;
  if (crc32c(bytes, 0, checked) !== bytes.readUInt32BE(checked)) {
    return refuse('damaged', "the header's checksum does not match");
  }
  const flags = bytes.readUInt8(5);
  const codec = CODECS[(flags >> CODEC_SHIFT) & CODEC_MASK];
  const header: BatchHeader = {
    kind: flags & FLAG_LOSSES ? 'losses' : 'events',
    codec: codec ?? 'none',
    receiptLines: (flags & FLAG_RECEIPT_LINES) !== 0,
    dictionary: bytes.readUInt16BE(6),
    epoch: bytes.toString('hex', 8, 16) as Epoch,
    firstSeq: readU64(bytes, 16),
    count: bytes.readUInt32BE(24),
    hour: bytes.readUInt32BE(28),
    unpackedLength: bytes.readUInt32BE(32),
    clearThrough: readU64(bytes, 36),
    bodyCrc: bytes.readUInt32BE(44),
  };
  if (header.epoch === REGISTRY_EPOCH) return refuse('invalid', "epoch 0 is nobody's", header);
  if (header.firstSeq < 1 || !Number.isSafeInteger(header.firstSeq + header.count)) {
    return refuse('invalid', 'firstSeq is out of range', header);
  }
  if (!Number.isSafeInteger(header.clearThrough)) return refuse('invalid', 'clearThrough is out of range', header);
  const version = bytes.readUInt8(2);
  if (version !== VERSION) return refuse('unsupported', `version ${version}`, header);
  if (codec === undefined || flags > KNOWN_FLAGS) return refuse('unsupported', `flags 0x${flags.toString(16)}`, header);
  if (tlvsEnd(bytes, checked) !== checked) {
    return refuse('invalid', 'the TLVs do not add up to the header length', header);
  }
  return { ok: true, header, bodyStart: headerLength };
}
