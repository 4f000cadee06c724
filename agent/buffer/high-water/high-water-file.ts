/**
 * The side file `<path>.seq`: a high-water mark for each epoch that is open or has unsettled seqs,
 * and for those that were settled last.
 *
 * It is written without fsync right before the answers of a commit. When the agent is killed the
 * system keeps what was written, and after a power cut the database, which is synced, knows at
 * least as much. Only an update that weakens a mark is synced. The file's blocks are allocated in
 * advance, so that a full disk does not stop it.
 */
import { Buffer } from 'node:buffer';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import type { Epoch } from '../../../shared/ids.ts';
import { decodeMark, encodeMark, type HighWaterMark, isSettled, SLOT_BYTES } from './high-water-mark.ts';

const PAIR_BYTES = 2 * SLOT_BYTES;
/** Space that is allocated in advance: 256 epochs. */
const ROOM_BYTES = 256 * PAIR_BYTES;

export const highWaterPath = (path: string): string => `${path}.seq`;

interface StoredMark {
  readonly mark: HighWaterMark;
  readonly serial: number;
  /** Which of the pair's two slots holds it. */
  readonly slot: 0 | 1;
}

/** The newer mark of each pair of slots; null when neither slot is intact. */
function pairsOf(bytes: Buffer): (StoredMark | null)[] {
  const pairs: (StoredMark | null)[] = [];
  for (let at = 0; at < bytes.length; at += PAIR_BYTES) {
    const slots = ([0, 1] as const).flatMap((slot) => {
      const found = decodeMark(bytes.subarray(at + slot * SLOT_BYTES, at + (slot + 1) * SLOT_BYTES));
      return found === null ? [] : [{ ...found, slot }];
    });
    pairs.push(slots.sort((a, b) => b.serial - a.serial)[0] ?? null);
  }
  return pairs;
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** The marks that can be read; none when there is no side file. @param path of the buffer */
export const readMarks = (path: string): HighWaterMark[] => {
  const marks = new Map<Epoch, StoredMark>();
  for (const kept of pairsOf(bytesOf(highWaterPath(path)))) {
    if (kept !== null && (marks.get(kept.mark.epoch)?.serial ?? -1) < kept.serial) marks.set(kept.mark.epoch, kept);
  }
  return [...marks.values()].map(({ mark }) => mark);
};

const same = (a: HighWaterMark, b: HighWaterMark): boolean =>
  a.lastSeq === b.lastSeq &&
  a.settledThrough === b.settledThrough &&
  a.oldestHour === b.oldestHour &&
  a.newestHour === b.newestHour &&
  a.unconfirmedFrom === b.unconfirmedFrom &&
  a.shipping === b.shipping;

export class HighWaterFile {
  readonly #name: string;
  readonly #fd: number;
  readonly #pairs: (StoredMark | null)[];
  readonly #pairOf = new Map<Epoch, number>();
  #serial = 0;

  /**
   * Opens the file and keeps the marks in it; any other content is overwritten.
   *
   * @param path of the buffer
   * @throws on a fault of the disk
   */
  constructor(path: string) {
    const name = highWaterPath(path);
    this.#name = name;
    const bytes = bytesOf(name);
    this.#pairs = pairsOf(bytes);
    for (const [pair, kept] of this.#pairs.entries()) {
      if (kept === null) continue;
      this.#serial = Math.max(this.#serial, kept.serial);
      const before = this.#pairOf.get(kept.mark.epoch);
      if (before === undefined || this.#pairs[before]!.serial < kept.serial) this.#pairOf.set(kept.mark.epoch, pair);
    }
    this.#fd = openSync(name, bytes.length === 0 ? 'w' : 'r+', 0o600);
    try {
      if (bytes.length < ROOM_BYTES) writeWhole(this.#fd, Buffer.alloc(ROOM_BYTES - bytes.length), bytes.length);
    } catch {
      // A full disk: marks use the space that there is, and more is requested when it is needed.
    }
  }

  get marks(): HighWaterMark[] {
    return [...this.#pairOf.values()].map((pair) => this.#pairs[pair]!.mark);
  }

  /** Epochs with unsettled seqs, according to the marks, which may lag behind the rows. */
  get unsettled(): ReadonlySet<Epoch> {
    return new Set(this.marks.filter((mark) => !isSettled(mark)).map(({ epoch }) => epoch));
  }

  get(epoch: Epoch): HighWaterMark | null {
    const pair = this.#pairOf.get(epoch);
    return pair === undefined ? null : this.#pairs[pair]!.mark;
  }

  /** Not durable before `sync`. @throws on a fault of the disk */
  put(mark: HighWaterMark): void {
    const pair = this.#pairOf.get(mark.epoch) ?? this.#free();
    const kept = this.#pairs[pair] ?? null;
    if (kept !== null && kept.mark.epoch === mark.epoch && same(kept.mark, mark)) return;
    const slot = kept?.slot === 0 ? 1 : 0;
    const serial = ++this.#serial;
    writeWhole(this.#fd, encodeMark(mark, serial), pair * PAIR_BYTES + slot * SLOT_BYTES);
    this.#pairs[pair] = { mark, serial, slot };
    this.#pairOf.set(mark.epoch, pair);
  }

  sync(): void {
    fsyncSync(this.#fd);
  }

  /** Writes the file again when it was removed. */
  close(): void {
    try {
      fsyncSync(this.#fd);
      if (!existsSync(this.#name)) this.#writeAnew();
    } finally {
      closeSync(this.#fd);
    }
  }

  #writeAnew(): void {
    const kept = [...this.#pairOf.values()].map((pair) => this.#pairs[pair]!).sort((a, b) => a.serial - b.serial);
    const slots = kept.map(({ mark }, pair) => Buffer.concat([encodeMark(mark, pair + 1), Buffer.alloc(SLOT_BYTES)]));
    writeFileSync(this.#name, Buffer.concat(slots), { mode: 0o600 });
  }

  /**
   * An empty pair; else the settled one that was written the longest ago, as refs are known for a
   * day; else a new one.
   */
  #free(): number {
    const room = ROOM_BYTES / PAIR_BYTES;
    let oldest: number | null = null;
    for (let pair = 0; pair < Math.max(room, this.#pairs.length); pair++) {
      const kept = this.#pairs[pair] ?? null;
      if (kept === null) return pair;
      if (isSettled(kept.mark) && (oldest === null || kept.serial < this.#pairs[oldest]!.serial)) oldest = pair;
    }
    if (oldest === null) return this.#pairs.length;
    const { epoch } = this.#pairs[oldest]!.mark;
    if (this.#pairOf.get(epoch) === oldest) this.#pairOf.delete(epoch);
    return oldest;
  }
}

function writeWhole(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}
