/**
 * The dictionaries of small rollup cells, because a cell of a few sales contains little repetition,
 * and all cells have the names of their columns. A released dictionary is kept permanently and
 * unchanged: cells in the stores of others name it. A golden test checks each one's checksum.
 */
import { Buffer } from 'node:buffer';
import { DICTIONARY_101 } from './dictionary-101.ts';

export interface Dictionary {
  /**
   * As in the frame. From 101, so that none is taken for one of a wire batch; up to 255, which
   * takes a byte.
   */
  readonly id: number;
  /** A zstd dictionary. */
  readonly bytes: Uint8Array;
}

export const RELEASED: readonly Dictionary[] = [{ id: 101, bytes: Buffer.from(DICTIONARY_101, 'base64') }];

export const NEWEST: Dictionary = RELEASED.at(-1)!;

/** Null for an unknown id. */
export const releasedDictionary = (id: number): Dictionary | null => RELEASED.find((known) => known.id === id) ?? null;
