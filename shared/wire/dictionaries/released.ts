/**
 * The dictionaries for compressing batches, because small bodies contain little repetition. A
 * released dictionary is kept permanently and unchanged: stored batches and agents in the field
 * refer to it. A golden test checks each one's checksum.
 */
import { Buffer } from 'node:buffer';
import { DICTIONARY_1 } from './dictionary-1.ts';

export interface Dictionary {
  /** As in the batch's header. 0 means none. */
  readonly id: number;
  /** A zstd dictionary. */
  readonly bytes: Uint8Array;
}

export const RELEASED: readonly Dictionary[] = [{ id: 1, bytes: Buffer.from(DICTIONARY_1, 'base64') }];

export const NEWEST: Dictionary = RELEASED.at(-1)!;

/** Null for an unknown id, and for 0. */
export const releasedDictionary = (id: number): Dictionary | null => RELEASED.find((known) => known.id === id) ?? null;
