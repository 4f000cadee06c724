/**
 * The dictionaries that batches are packed with: small bodies have little in themselves to find again. A released one is kept for ever, as
 * it is: stored batches and agents in the field name it. A golden test holds each one's checksum.
 */
import { Buffer } from 'node:buffer';
import { DICTIONARY_1 } from './dictionary-1.ts';

export interface Dictionary {
  /** As in the batch's header. 0 names none. */
  readonly id: number;
  /** A zstd dictionary. */
  readonly bytes: Uint8Array;
}

export const RELEASED: readonly Dictionary[] = [{ id: 1, bytes: Buffer.from(DICTIONARY_1, 'base64') }];

export const NEWEST: Dictionary = RELEASED.at(-1)!;

/** Null for an id that this software does not know, and for 0. */
export const releasedDictionary = (id: number): Dictionary | null => RELEASED.find((known) => known.id === id) ?? null;
