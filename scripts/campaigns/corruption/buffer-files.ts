/**
 * A buffer's files as bytes: copied from a running agent's folder as a crash leaves them, damaged,
 * and written back.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pick } from '../../simulate/random.ts';

export type Part = 'database' | 'log' | 'side';
export type Files = Readonly<Record<Part, Buffer | null>>;

const SUFFIX: Readonly<Record<Part, string>> = { database: '', log: '-wal', side: '.seq' };
const PARTS = Object.keys(SUFFIX) as Part[];
const PAGE_BYTES = 4096;

/** Reads the files that exist. @param path of the buffer */
export const readFiles = (path: string): Files =>
  Object.fromEntries(
    PARTS.map((part) => [part, existsSync(path + SUFFIX[part]) ? readFileSync(path + SUFFIX[part]) : null]),
  ) as Files;

export function writeFiles(path: string, files: Files): void {
  mkdirSync(dirname(path), { recursive: true });
  for (const part of PARTS) {
    const bytes = files[part];
    if (bytes !== null) writeFileSync(path + SUFFIX[part], bytes);
  }
}

/** Damages a copy of the bytes; null: the file is missing. */
type Damage = (bytes: Buffer, random: () => number) => Buffer | null;

const below = (random: () => number, end: number): number => Math.floor(random() * end);

const KINDS: Readonly<Record<string, Damage>> = {
  'one bit': (bytes, random) => flipped(bytes, 1, random),
  'many bits': (bytes, random) => flipped(bytes, 2 + below(random, 60), random),
  'cut off': (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  'cut at a page': (bytes, random) => bytes.subarray(0, below(random, bytes.length / PAGE_BYTES) * PAGE_BYTES),
  'a zeroed page': (bytes, random) => zeroed(bytes, below(random, bytes.length / PAGE_BYTES) * PAGE_BYTES, PAGE_BYTES),
  'a range of zeros': (bytes, random) => zeroed(bytes, below(random, bytes.length), 1 + below(random, 20_000)),
  'a zeroed header': (bytes) => zeroed(bytes, 0, 100),
  'a page in place of another': (bytes, random) => {
    const pages = Math.floor(bytes.length / PAGE_BYTES);
    const damaged = Buffer.from(bytes);
    const from = below(random, pages) * PAGE_BYTES;
    bytes.copy(damaged, below(random, pages) * PAGE_BYTES, from, from + PAGE_BYTES);
    return damaged;
  },
  noise: (bytes, random) => {
    const damaged = Buffer.from(bytes);
    const start = below(random, bytes.length);
    const end = Math.min(bytes.length, start + 1 + below(random, 3_000));
    for (let at = start; at < end; at++) damaged[at] = below(random, 256);
    return damaged;
  },
  'all zeros': (bytes) => Buffer.alloc(bytes.length),
  empty: () => Buffer.alloc(0),
  missing: () => null,
};

function flipped(bytes: Buffer, count: number, random: () => number): Buffer {
  const damaged = Buffer.from(bytes);
  for (let flip = 0; flip < count && damaged.length > 0; flip++) {
    const at = below(random, damaged.length);
    damaged[at] = damaged[at]! ^ (1 << below(random, 8));
  }
  return damaged;
}

function zeroed(bytes: Buffer, start: number, length: number): Buffer {
  const damaged = Buffer.from(bytes);
  return damaged.fill(0, Math.min(start, bytes.length), Math.min(bytes.length, start + length));
}

/** Damages parts, one to three times. @returns descriptions of the damage, and the damaged files */
export function damage(files: Files, random: () => number): { readonly descriptions: string[]; readonly files: Files } {
  const left: Record<Part, Buffer | null> = { ...files };
  const descriptions: string[] = [];
  for (let rounds = 1 + below(random, 3); rounds > 0; rounds--) {
    const part = pick(random, ['database', 'database', 'database', 'log', 'log', 'side'] as const);
    const bytes = left[part];
    if (bytes === null || bytes.length === 0) continue;
    const name = pick(random, Object.keys(KINDS));
    left[part] = KINDS[name]!(bytes, random);
    descriptions.push(`${part}: ${name}`);
  }
  return { descriptions, files: left };
}
