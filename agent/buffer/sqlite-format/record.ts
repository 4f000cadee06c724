/**
 * Decodes SQLite's record format (https://www.sqlite.org/fileformat2.html#record_format). The input
 * may be damaged.
 */
import type { Buffer } from 'node:buffer';

/** Null also stands for the INTEGER PRIMARY KEY, which SQLite keeps outside the record. */
export type Value = number | string | Buffer | null;

export interface Varint {
  readonly value: number;
  /** Its length in bytes. */
  readonly length: number;
}

/** Null when there is no varint, or its value is above `Number.MAX_SAFE_INTEGER`. */
export function readVarint(bytes: Buffer, at: number): Varint | null {
  let value = 0;
  for (let length = 1; length <= 9; length++) {
    const byte = bytes[at + length - 1];
    if (byte === undefined) return null;
    value = length === 9 ? value * 256 + byte : value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER) return null;
    if (byte < 0x80 || length === 9) return { value, length };
  }
  return null;
}

/** Lengths of integers in bytes, by serial type. */
const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8] as const;

/** Length in bytes of a value of this serial type; null for types that our rows never have. */
function sizeOf(serial: number): number | null {
  if (serial <= 6) return INTEGER_BYTES[serial]!;
  if (serial === 8 || serial === 9) return 0;
  return serial >= 12 ? Math.floor((serial - 12) / 2) : null;
}

/** The serial types of a record, and the lengths that follow from them. */
export interface RecordHeader {
  readonly serials: readonly number[];
  readonly headerBytes: number;
  /** Of header and values. */
  readonly payloadBytes: number;
}

/** @param maxColumns a record with more columns is not one of ours */
export function readHeader(bytes: Buffer, at: number, maxColumns: number): RecordHeader | null {
  const size = readVarint(bytes, at);
  if (size === null || size.value < 2 || size.value > 1 + maxColumns * 9 || at + size.value > bytes.length) return null;
  const serials: number[] = [];
  let payloadBytes = size.value;
  for (let next = at + size.length; next < at + size.value; ) {
    const serial = readVarint(bytes, next);
    if (serial === null || serials.length === maxColumns) return null;
    const bytesOf = sizeOf(serial.value);
    if (bytesOf === null) return null;
    serials.push(serial.value);
    payloadBytes += bytesOf;
    next += serial.length;
    if (next > at + size.value) return null;
  }
  return { serials, headerBytes: size.value, payloadBytes };
}

function readInteger(bytes: Buffer, at: number, length: number): number | null {
  if (length <= 6) return bytes.readIntBE(at, length);
  const value = bytes.readBigInt64BE(at);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : null;
}

/** The values of a complete payload; null when a value is not one of ours. */
export function readValues(payload: Buffer, { serials, headerBytes, payloadBytes }: RecordHeader): Value[] | null {
  if (payload.length < payloadBytes) return null;
  const values: Value[] = [];
  let at = headerBytes;
  for (const serial of serials) {
    const length = sizeOf(serial)!;
    if (serial === 0) values.push(null);
    else if (serial === 8 || serial === 9) values.push(serial - 8);
    else if (serial <= 6) {
      const value = readInteger(payload, at, length);
      if (value === null) return null;
      values.push(value);
    } else {
      const bytes = payload.subarray(at, at + length);
      values.push(serial % 2 === 0 ? bytes : bytes.toString('utf8'));
    }
    at += length;
  }
  return values;
}
