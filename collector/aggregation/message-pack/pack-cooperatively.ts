/**
 * Packs large values as MessagePack with turns of the event loop in between. The bytes are those
 * that `pack` gives.
 */
import { Buffer } from 'node:buffer';
import type { Cooperative } from '../../../shared/cooperative.ts';
import { pack } from '../../../shared/wire/message-pack.ts';

/** Numbers and texts packed between two turns. */
const SCALARS = 1_000;
/** Below this depth values are small. */
const DEPTH = 3;
/** Fewer values have a head of one byte. */
const SHORT = 16;

/** Head of an array, as MessagePack's specification has it. */
function arrayHead(length: number): Uint8Array {
  if (length < SHORT) return Buffer.of(0x90 | length);
  if (length < 0x1_0000) return Buffer.of(0xdc, length >> 8, length & 0xff);
  const head = Buffer.alloc(5, 0xdd);
  head.writeUInt32BE(length, 1);
  return head;
}

function* packArray(values: readonly unknown[], pieces: Uint8Array[], step: number): Cooperative<void> {
  pieces.push(arrayHead(values.length));
  for (let at = 0; at < values.length; at += step) {
    const some = values.slice(at, at + step);
    pieces.push(pack(some).subarray(arrayHead(some.length).length));
    yield;
  }
}

/** Large arrays may be the value itself, an entry of it, or an entry of such an entry. */
function* packInto(value: unknown, pieces: Uint8Array[], step: number, depth: number): Cooperative<void> {
  if (depth === 0 || typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    pieces.push(pack(value));
  } else if (Array.isArray(value)) {
    if (value.length >= SHORT) yield* packArray(value, pieces, step);
    else {
      pieces.push(arrayHead(value.length));
      for (const entry of value) yield* packInto(entry, pieces, step, depth - 1);
    }
  } else {
    const fields = Object.entries(value);
    if (fields.length >= SHORT) throw new RangeError('an object of 16 fields or more has another head');
    pieces.push(Buffer.of(0x80 | fields.length));
    for (const [name, of] of fields) {
      pieces.push(pack(name));
      yield* packInto(of, pieces, step, depth - 1);
    }
  }
}

/** How many scalars a value holds; any number above `most` stands for more. */
function scalarsIn(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 1;
  let found = 0;
  for (const entry of Array.isArray(value) ? value : Object.values(value)) {
    found += scalarsIn(entry, most - found);
    if (found > most) break;
  }
  return found;
}

/** @param step entries of an array packed between two turns; fewer where they are large */
export function* packCooperatively(value: unknown, step = SCALARS): Cooperative<Uint8Array> {
  // In one call, which is several times as fast. The packer uses its buffer again.
  if (scalarsIn(value, SCALARS) <= SCALARS) return Buffer.from(pack(value));
  const pieces: Uint8Array[] = [];
  yield* packInto(value, pieces, step, DEPTH);
  return Buffer.concat(pieces);
}
