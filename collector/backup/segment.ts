/**
 * A segment: a run of a table's rows in a file, in key order. Bytes: docs/formats/backup.md.
 *
 *     "TSBK" · version u8 · blocks: length u32 · zstd frame of MessagePack
 *     block: [[row, time, [column, value, column, value, …]], …]
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type FileHandle, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Row } from '../store/tables.ts';
import { BackupFailed, createFile } from './files.ts';
import type { FileEntry } from './manifest.ts';

const MAGIC = Buffer.from('TSBK\x01', 'latin1');
/** Bytes of rows in a block before it is compressed: what zstd needs to find repeats. */
const BLOCK_BYTES = 1024 * 1024;
/** A file is read whole, to check it before anything of it is used. */
export const SEGMENT_BYTES = 32 * 1024 * 1024;
/** Of an unpacked block: above the store's largest row. */
const MAX_BLOCK_BYTES = 64 * 1024 * 1024;

const { ZSTD_c_checksumFlag, ZSTD_c_compressionLevel } = constants;
/** The batches in the rows are compressed already: what is left is found fast. */
const FAST = { params: { [ZSTD_c_compressionLevel]: 1, [ZSTD_c_checksumFlag]: 1 } };

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

type PackedRow = readonly [row: Uint8Array, time: number, cells: readonly (string | Uint8Array)[]];

export class SegmentWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #block: PackedRow[] = [];
  #blockBytes = 0;
  #bytes = 0;
  #rows = 0;
  #first = '';
  #last: Uint8Array = new Uint8Array();
  #earliest = Number.POSITIVE_INFINITY;
  #latest = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<SegmentWriter> {
    const writer = new SegmentWriter(path, await createFile(path));
    await writer.#write(MAGIC);
    return writer;
  }

  /** Bytes in the file so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The row's times are taken for one: of several cells, the newest. */
  async add({ row, time, cells }: Row): Promise<void> {
    const flat: (string | Uint8Array)[] = [];
    let bytes = row.length;
    for (const [column, value] of cells) {
      flat.push(column, value);
      bytes += column.length + value.length;
    }
    this.#block.push([row, time, flat]);
    this.#blockBytes += bytes;
    if (this.#rows++ === 0) this.#first = Buffer.from(row).toString('hex');
    this.#last = row;
    this.#earliest = Math.min(this.#earliest, time);
    this.#latest = Math.max(this.#latest, time);
    if (this.#blockBytes >= BLOCK_BYTES) await this.#flush();
  }

  /** Resolves when the file is on disk. */
  async end(): Promise<FileEntry> {
    await this.#flush();
    await this.#file.sync();
    await this.#file.close();
    return {
      name: basename(this.#path),
      rows: this.#rows,
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      first: this.#first,
      last: Buffer.from(this.#last).toString('hex'),
      earliest: this.#rows === 0 ? 0 : this.#earliest,
      latest: this.#latest,
    };
  }

  /** After a fault: what is in the file does not count. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  async #flush(): Promise<void> {
    if (this.#block.length === 0) return;
    const packed = pack(this.#block);
    this.#block = [];
    this.#blockBytes = 0;
    const frame = await compress(packed, FAST);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(frame.length);
    await this.#write(length);
    await this.#write(frame);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await this.#file.writeFile(bytes);
  }
}

/**
 * The rows of a segment, after the whole file was checked.
 *
 * @throws BackupFailed when it is missing, or not what the manifest says
 */
export async function* readSegment(path: string, entry: FileEntry): AsyncGenerator<Row, void> {
  const bytes = await readChecked(path, entry);
  let rows = 0;
  for (let at = MAGIC.length; at < bytes.length; ) {
    const start = at + 4;
    if (start > bytes.length) throw damaged(path, 'ends within a block');
    at = start + bytes.readUInt32BE(start - 4);
    if (at > bytes.length) throw damaged(path, 'ends within a block');
    for (const row of await readBlock(path, bytes.subarray(start, at))) {
      rows++;
      yield row;
    }
  }
  if (rows !== entry.rows) throw damaged(path, `has ${rows} rows instead of ${entry.rows}`);
}

async function readChecked(path: string, entry: FileEntry): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new BackupFailed(`${path} is missing`, { cause });
    throw cause;
  }
  if (bytes.length !== entry.bytes) throw damaged(path, `has ${bytes.length} bytes instead of ${entry.bytes}`);
  if (createHash('sha256').update(bytes).digest('hex') !== entry.sha256)
    throw damaged(path, 'has other content than when it was written');
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(path, 'is no segment that this release can read');
  return bytes;
}

async function readBlock(path: string, frame: Uint8Array): Promise<Row[]> {
  try {
    const packed = unpack(await decompress(frame, { maxOutputLength: MAX_BLOCK_BYTES })) as PackedRow[];
    return packed.map(([row, time, flat]) => {
      const cells = new Map<Column, Uint8Array>();
      for (let at = 0; at < flat.length; at += 2) cells.set(flat[at] as Column, flat[at + 1] as Uint8Array);
      return { row, time, cells };
    });
  } catch (cause) {
    throw damaged(path, 'has a block that cannot be read', cause);
  }
}

const damaged = (path: string, what: string, cause?: unknown): BackupFailed =>
  new BackupFailed(`${path} ${what}`, { cause });
