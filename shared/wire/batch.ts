/**
 * Wire batch, version 1: a plain header (`header.ts`) and a MessagePack body (`column-encoder.ts`),
 * compressed where that makes it smaller (`compression.ts`). A batch of losses (`loss.ts`) reports
 * that `count` seqs from `firstSeq` on are lost.
 *
 * Golden bytes in `test/unit/shared/wire/` pin the format.
 */
import { Buffer } from 'node:buffer';
import type { TillEvent } from '../event/event.ts';
import type { Epoch } from '../ids.ts';
import { hourOf, MAX_TS, MIN_TS } from '../time.ts';
import { MAX_EVENTS, MAX_WIRE_BYTES, maxDecodedBytes, maxUnpackedBytes } from './batch-bounds.ts';
import { fromBody } from './column-decoder.ts';
import { Columns } from './column-encoder.ts';
import { InvalidColumns } from './column-reader.ts';
import { isWholeFrame, type Packed, type PackedBody, packBody, unpackBody, unpackTogether } from './compression.ts';
import { crc32c } from './crc32c.ts';
import { type Dictionary, NEWEST, releasedDictionary } from './dictionaries/released.ts';
import type { EventColumns } from './event-columns.ts';
import { type BatchHeader, HEADER_BYTES, type Refusal, readHeader, writeHeader } from './header.ts';
import { type Loss, lossBody, readLoss } from './loss.ts';
import { MalformedMessagePack, pack, UNTRUSTED_MAX_OBJECTS, unpack } from './message-pack.ts';

export { MAX_EVENTS, MAX_WIRE_BYTES } from './batch-bounds.ts';
export type { Loss } from './loss.ts';

const FIRST_HOUR = hourOf(MIN_TS);
const END_HOUR = hourOf(MAX_TS);

/** The identity of a batch, whatever its content. */
export interface BatchIdentity {
  readonly epoch: Epoch;
  readonly firstSeq: number;
  /** Hours since 1970. */
  readonly hour: number;
  /** See `BatchHeader.clearThrough`. */
  readonly clearThrough: number;
}

/** A batch as it is sent. */
export interface WireBatch {
  readonly bytes: Buffer;
  readonly header: BatchHeader;
}

export interface EncodedBatch extends WireBatch {
  /** See `decodedBytes`; 0 for losses. */
  readonly decodedBytes: number;
}

/** Whether a collector takes the batch, as far as its size is concerned. */
export const isWithinBounds = ({ bytes, header, decodedBytes }: EncodedBatch): boolean =>
  bytes.length <= MAX_WIRE_BYTES &&
  header.unpackedLength <= maxUnpackedBytes(bytes.length) &&
  decodedBytes <= maxDecodedBytes(bytes.length);

export type DecodedBatch =
  | { readonly ok: true; readonly kind: 'events'; readonly header: BatchHeader; readonly columns: EventColumns }
  | { readonly ok: true; readonly kind: 'losses'; readonly header: BatchHeader; readonly loss: Loss }
  | Refusal;

function seal(
  identity: BatchIdentity,
  kind: 'events' | 'losses',
  count: number,
  plain: Uint8Array,
  packed: Packed,
  { decodedBytes, receiptLines }: Pick<Columns, 'decodedBytes' | 'receiptLines'>,
): EncodedBatch {
  const { body, codec, dictionary } = packed;
  const { epoch, firstSeq, hour, clearThrough } = identity;
  const header: BatchHeader = {
    kind,
    codec,
    receiptLines,
    dictionary,
    epoch,
    firstSeq,
    count,
    hour,
    unpackedLength: plain.length,
    clearThrough,
    bodyCrc: crc32c(body),
  };
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  writeHeader(header, bytes);
  bytes.set(body, HEADER_BYTES);
  return { bytes, header, decodedBytes };
}

/**
 * Encodes events of consecutive seqs and one hour. The caller keeps to `MAX_EVENTS`, and takes
 * fewer events if the result is not within bounds (`isWithinBounds`).
 *
 * @param dictionary for small batches; null for a collector that does not know it
 */
export function encodeEvents(
  identity: BatchIdentity,
  events: readonly TillEvent[],
  dictionary: Dictionary | null = NEWEST,
): EncodedBatch {
  return encodeColumns(identity, Columns.of(events, identity.hour), dictionary);
}

/** Like `encodeEvents`, for events that were added one by one. */
export function encodeColumns(identity: BatchIdentity, columns: Columns, dictionary: Dictionary | null): EncodedBatch {
  const plain = pack(columns.body());
  return seal(identity, 'events', columns.count, plain, packBody(plain, dictionary), columns);
}

const NO_COLUMNS = { decodedBytes: 0, receiptLines: false };

/**
 * Encodes a loss record. It is for any collector, so it uses no dictionary.
 *
 * @param count how many seqs from `identity.firstSeq` on are lost
 */
export function encodeLoss(identity: BatchIdentity, count: number, loss: Loss): EncodedBatch {
  const plain = pack(lossBody(loss));
  return seal(identity, 'losses', count, plain, packBody(plain, null), NO_COLUMNS);
}

/** The reason to refuse a batch before its body is unpacked, or null. */
function objection(header: BatchHeader, wireBytes: number, body: Uint8Array): Refusal | null {
  const { kind, dictionary, unpackedLength, hour, count } = header;
  const refuse = (result: Refusal['result'], detail: string): Refusal => ({ ok: false, result, detail, header });
  if (wireBytes > MAX_WIRE_BYTES) return refuse('invalid', `${wireBytes} bytes are more than ${MAX_WIRE_BYTES}`);
  if (crc32c(body) !== header.bodyCrc) return refuse('damaged', "the body's checksum does not match");
  if (dictionary !== 0 && releasedDictionary(dictionary) === null) {
    return refuse('unsupported', `dictionary ${dictionary} is not known here`);
  }
  const maxUnpacked = maxUnpackedBytes(wireBytes);
  if (unpackedLength > maxUnpacked) {
    return refuse(
      'invalid',
      `${unpackedLength} bytes unpacked are more than ${maxUnpacked} for ${wireBytes} on the wire`,
    );
  }
  if (hour < FIRST_HOUR || hour >= END_HOUR) return refuse('invalid', `hour ${hour} is not in the years 2000 to 2099`);
  if (count < 1) return refuse('invalid', 'covers no seq');
  if (kind === 'events' && count > MAX_EVENTS) {
    return refuse('invalid', `${count} events are more than ${MAX_EVENTS}`);
  }
  return null;
}

/** Bodies beyond it are unpacked as fast by themselves. */
const SMALL_BODY = 8 * 1024;

/** The body of a small batch that is unpacked with others; null: it is unpacked by itself. */
function smallBody(message: Uint8Array): (PackedBody & { readonly dictionary: number }) | null {
  const head = readHeader(message);
  if (!head.ok) return null;
  const { codec, dictionary, unpackedLength } = head.header;
  const small = { body: message.subarray(head.bodyStart), unpackedLength, dictionary };
  return codec === 'zstd' && unpackedLength <= SMALL_BODY && isWholeFrame(small) ? small : null;
}

/**
 * Unpacks the bodies of small batches together, which takes a tenth of the time. They are checked
 * no further: `decodeBatch` does that.
 *
 * @returns batch by batch, its body; null: `decodeBatch` is to unpack it
 */
export function unpackBatches(messages: readonly Uint8Array[]): (Uint8Array | null)[] {
  const found = new Array<Uint8Array | null>(messages.length).fill(null);
  const groups = new Map<number, { readonly at: number; readonly small: PackedBody }[]>();
  for (const [at, message] of messages.entries()) {
    const small = smallBody(message);
    if (small === null) continue;
    const group = groups.get(small.dictionary);
    if (group === undefined) groups.set(small.dictionary, [{ at, small }]);
    else group.push({ at, small });
  }
  for (const [dictionary, group] of groups) {
    const released = releasedDictionary(dictionary);
    if (group.length < 2 || (dictionary !== 0 && released === null)) continue;
    const bodies = unpackTogether(
      group.map(({ small }) => small),
      released,
    );
    if (bodies !== null) for (const [index, { at }] of group.entries()) found[at] = bodies[index]!;
  }
  return found;
}

/**
 * Decodes a batch completely; never throws on any input, and takes memory in proportion to its
 * bytes (`batch-bounds.ts`): less than 64 MiB for the worst batch known.
 *
 * @param unpacked the body, if `unpackBatches` unpacked it
 */
export function decodeBatch(message: Uint8Array, unpacked: Uint8Array | null = null): DecodedBatch {
  const head = readHeader(message);
  if (!head.ok) return head;
  const { header } = head;
  const body = message.subarray(head.bodyStart);
  const objected = objection(header, message.length, body);
  if (objected !== null) return objected;
  const invalid = (detail: string): Refusal => ({ ok: false, result: 'invalid', detail, header });

  let plain: Uint8Array;
  try {
    plain =
      unpacked ??
      (header.codec === 'none' ? body : unpackBody(body, header.unpackedLength, releasedDictionary(header.dictionary)));
  } catch (error) {
    return invalid(`the body cannot be unpacked: ${(error as Error).message}`);
  }
  if (plain.length !== header.unpackedLength) return invalid('the unpacked body has another length than stated');

  try {
    if (header.kind === 'events') {
      const columns = fromBody(plain, header, maxDecodedBytes(message.length));
      return { ok: true, kind: 'events', header, columns };
    }
    const loss = readLoss(unpack(plain, UNTRUSTED_MAX_OBJECTS));
    return loss === null ? invalid('the body is not a loss') : { ok: true, kind: 'losses', header, loss };
  } catch (error) {
    if (error instanceof MalformedMessagePack || error instanceof InvalidColumns) return invalid(error.message);
    throw error;
  }
}
