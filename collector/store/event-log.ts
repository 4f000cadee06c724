/**
 * The raw log: received batches, unchanged, in the `events` table. Everything else can be
 * recomputed from it.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import {
  type EventsKey,
  eventsKey,
  eventsPrefix,
  eventsRange,
  firstEventsKey,
  type Kind,
  parseEventsKey,
  prefixEnd,
} from '../../shared/keys.ts';
import { difference, type Ranges, type SeqInterval, union } from '../../shared/seq-ranges.ts';
import { MAX_EVENTS } from '../../shared/wire/batch.ts';
import { batchDigest } from '../../shared/wire/batch-digest.ts';
import type { BatchHeader } from '../../shared/wire/header.ts';
import { type Column, type Row, type Scan, StoreUnavailable, type Tables } from './tables.ts';

const BATCH: Column = 'b:batch';
/** With batches of at most 128 KiB this is 8 MiB. */
const KEYS_PER_READ = 64;
const SMALL_ROW_BYTES = 16 * 1024;
const LAST_HOUR = 2 ** 32 - 1;
const HOUR_BYTES = 4;
/** After every key: no id begins with this byte. */
const AFTER_ALL = Buffer.of(0xff, 0xff);
const ALL_SALTS: readonly [number, number] = [0, 256];

export interface ReceivedBatch {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly header: BatchHeader;
  /** The whole wire batch. */
  readonly bytes: Uint8Array;
  /**
   * Milliseconds since 1970. Left out, as ingest does: when the store puts the row, by the store's
   * own clock, by which it lets rows expire.
   */
  readonly arrival?: number;
  /** What `rowKeyOf` returned, if it was asked before: the digest of a large batch takes long. */
  readonly precomputedRowKey?: Uint8Array;
}

export interface RawRow {
  readonly rowKey: Uint8Array;
  readonly key: EventsKey;
  /** Empty when only keys were read. */
  readonly bytes: Uint8Array;
  readonly arrival: number;
}

export type Stream = Pick<EventsKey, 'merchant' | 'terminal' | 'epoch'>;

/** A closed range of seqs whose batches are of one hour. */
export interface SeqsOfHour {
  readonly kind: Kind;
  /** Hours since 1970. */
  readonly hour: number;
  readonly first: number;
  readonly last: number;
}

export type RawKey = Pick<RawRow, 'rowKey' | 'arrival'> & Pick<EventsKey, 'hour'>;

export type HourWithRows = Pick<EventsKey, 'hour'> & { readonly hasLosses: boolean };

interface RowOptions extends Pick<Scan, 'keysOnly' | 'since' | 'limit'> {
  readonly start?: Uint8Array;
  readonly within?: readonly { readonly from: number; readonly to: number }[];
}

export class EventLog {
  readonly #tables: Tables;
  #digestKey: Uint8Array | null;

  /** @param digestKey the store's; null: it is not known yet, so nothing can be appended */
  constructor(tables: Tables, digestKey: Uint8Array | null = null) {
    this.#tables = tables;
    this.#digestKey = digestKey;
  }

  /** The store is open, and this is its digest key. */
  opened(digestKey: Uint8Array): void {
    this.#digestKey = digestKey;
  }

  /**
   * The name of a batch's row: two batches have one name only if they say the same.
   *
   * @throws StoreUnavailable when the store was not opened yet
   */
  rowKeyOf({ merchant, terminal, header, bytes }: Omit<ReceivedBatch, 'arrival' | 'precomputedRowKey'>): Buffer {
    if (this.#digestKey === null) throw new StoreUnavailable('the store has not been opened yet');
    const { hour, kind, epoch, firstSeq, count } = header;
    const digest = batchDigest(this.#digestKey, bytes);
    return eventsKey({ merchant, hour, kind, terminal, epoch, firstSeq, count, digest });
  }

  /** Which of these rows are stored, in the same order. */
  existing(rowKeys: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#tables.exists('events', rowKeys);
  }

  /**
   * Durable when it resolves. A batch that is stored already changes nothing: neither its row nor
   * the row's arrival. After a failure any of the batches may be stored.
   *
   * @returns which were not stored before, in the same order
   */
  async append(batches: readonly ReceivedBatch[]): Promise<boolean[]> {
    return await this.#tables.putIfAbsent(
      'events',
      batches.map((batch) => ({
        row: batch.precomputedRowKey ?? this.rowKeyOf(batch),
        cells: new Map([[BATCH, batch.bytes]]),
        ...(batch.arrival !== undefined && { time: batch.arrival }),
      })),
    );
  }

  /**
   * Rows of the hours from `fromHour` (or from the key `start` within it) up to, but not including,
   * `toHour`, in key order.
   *
   * @param options.since only rows that arrived then or later, milliseconds since 1970
   * @param options.within only these of the hours, half-open, in order; few of the rows are large
   */
  async *scan(
    merchant: MerchantId,
    fromHour: number,
    toHour: number,
    { start, within, ...options }: RowOptions = {},
  ): AsyncIterable<RawRow> {
    const scan = { ...eventsRange(merchant, fromHour, toHour), ...(start && { start }), ...options };
    const parts = within?.map(({ from, to }) => eventsRange(merchant, from, to));
    if (parts !== undefined) Object.assign(scan, { within: parts, rowBytes: SMALL_ROW_BYTES });
    for await (const row of this.#tables.scan('events', scan)) yield rawRow(row);
  }

  /** The keys of a half-open range of hours, in order; of each only the hour is parsed. */
  async *keys(
    merchant: MerchantId,
    fromHour: number,
    toHour: number,
    limit = Number.POSITIVE_INFINITY,
  ): AsyncIterable<RawKey> {
    const range = { ...eventsRange(merchant, fromHour, toHour), keysOnly: true, limit };
    const hourAt = range.start.length - HOUR_BYTES;
    for await (const { row, time } of this.#tables.scan('events', range))
      yield { hour: new DataView(row.buffer, row.byteOffset).getUint32(hourAt), rowKey: row, arrival: time };
  }

  /** One terminal's rows of one hour: losses, then events. */
  async *scanTerminal(merchant: MerchantId, hour: number, terminal: TerminalId): AsyncIterable<RawRow> {
    for (const kind of ['losses', 'events'] as const) {
      const start = eventsPrefix(merchant, hour, kind, terminal);
      for await (const row of this.#tables.scan('events', { start, stop: prefixEnd(start) })) yield rawRow(row);
    }
  }

  /**
   * Loss records of one hour, of all terminals or one, in key order.
   *
   * @param start a key among them to begin at
   */
  async *losses(
    merchant: MerchantId,
    hour: number,
    { terminal, start }: { terminal?: TerminalId | undefined; start?: Uint8Array | undefined } = {},
  ): AsyncIterable<RawRow> {
    const prefix = eventsPrefix(merchant, hour, 'losses', terminal);
    for await (const row of this.#tables.scan('events', { start: start ?? prefix, stop: prefixEnd(prefix) }))
      yield rawRow(row);
  }

  /**
   * The seqs from `first` to `last` of a stream that event rows of one hour hold: closed ranges,
   * which may overlap and extend beyond.
   */
  async *held(
    { merchant, terminal, epoch }: Stream,
    hour: number,
    first: number,
    last: number,
  ): AsyncIterable<SeqInterval> {
    const at = firstEventsKey({ merchant, hour, kind: 'events', terminal, epoch });
    const range = { start: at(Math.max(1, first - MAX_EVENTS + 1)), stop: at(last + 1), keysOnly: true };
    for await (const { row } of this.#tables.scan('events', range)) {
      const { firstSeq, count } = parseEventsKey(row);
      if (firstSeq + count > first) yield [firstSeq, firstSeq + count - 1];
    }
  }

  /**
   * Whether rows of one hour hold all seqs from `first` to `last` of a stream. Of loss records only
   * those count that begin there.
   *
   * @param maxRows key reads at most
   * @returns null when so many do not tell; `read`: how many were read
   */
  async holdsAll(
    { merchant, terminal, epoch }: Stream,
    { kind, hour, first, last }: SeqsOfHour,
    maxRows: number,
  ): Promise<{ readonly holds: boolean | null; readonly read: number }> {
    const at = firstEventsKey({ merchant, hour, kind, terminal, epoch });
    let held: Ranges = [];
    let read = 0;
    // Most runs begin with a batch; of the others the batch before is looked for.
    const before = kind === 'losses' ? first : Math.max(0, first - MAX_EVENTS + 1);
    for (const [from, to] of [
      [first, last + 1],
      [before, first],
    ] as const) {
      const limit = maxRows - read;
      if (limit <= 0) return { holds: null, read };
      if (from >= to) break;
      const range = { start: at(from), stop: at(to), keysOnly: true, limit };
      const rows = await Array.fromAsync(this.#tables.scan('events', range), ({ row }) => parseEventsKey(row));
      read += rows.length;
      held = union([...held, ...rows.map(({ firstSeq, count }) => [firstSeq, firstSeq + count - 1] as const)]);
      if (difference([[first, last]], held).length === 0) return { holds: true, read };
      if (rows.length === limit) return { holds: null, read };
    }
    return { holds: false, read };
  }

  /**
   * Rows by their keys, in the same order. Rows are never deleted before they expire; an expired
   * row is left out.
   */
  async *get(rowKeys: readonly Uint8Array[]): AsyncIterable<RawRow> {
    for (let at = 0; at < rowKeys.length; at += KEYS_PER_READ) {
      for (const row of await this.#tables.get('events', rowKeys.slice(at, at + KEYS_PER_READ), [BATCH]))
        if (row !== null) yield rawRow(row);
    }
  }

  /**
   * Merchants with any row, in the order of their keys: one key read a merchant.
   *
   * @param salts half-open; with `after` only those behind that one
   */
  async *merchants(salts = ALL_SALTS, after: MerchantId | null = null): AsyncIterable<MerchantId> {
    const stop = salts[1] > 0xff ? AFTER_ALL : Buffer.of(salts[1]);
    for (let start = after === null ? Buffer.of(salts[0]) : prefixEnd(eventsPrefix(after, LAST_HOUR)); ; ) {
      const range = { start, stop, keysOnly: true, limit: 1 };
      const [first] = await Array.fromAsync(this.#tables.scan('events', range));
      if (first === undefined) return;
      const { merchant } = parseEventsKey(first.row);
      yield merchant;
      start = prefixEnd(eventsPrefix(merchant, LAST_HOUR));
    }
  }

  /**
   * Hours with any row from `fromHour` up to, but not including, `toHour`: one key read per hour.
   */
  async *hours(merchant: MerchantId, fromHour: number, toHour: number): AsyncIterable<number> {
    for (let from = fromHour; from < toHour; ) {
      const first = await this.#firstKey(merchant, from, toHour);
      if (first === null) return;
      yield first.hour;
      from = first.hour + 1;
    }
  }

  /**
   * The same hours, newest first, and whether each has loss records (which sort before events): at
   * most two key reads per hour, however long the gaps without rows are.
   */
  async *hoursBackwards(merchant: MerchantId, fromHour: number, toHour: number): AsyncIterable<HourWithRows> {
    const first = fromHour < toHour ? await this.#firstKey(merchant, fromHour, toHour) : null;
    if (first === null) return;
    const { hour, kind } = first;
    const middle = Math.ceil((hour + 1 + toHour) / 2);
    yield* this.hoursBackwards(merchant, middle, toHour);
    yield* this.hoursBackwards(merchant, hour + 1, middle);
    yield { hour, hasLosses: kind === 'losses' };
  }

  async #firstKey(merchant: MerchantId, fromHour: number, toHour: number): Promise<EventsKey | null> {
    const range = { ...eventsRange(merchant, fromHour, toHour), keysOnly: true, limit: 1 };
    const [first] = await Array.fromAsync(this.#tables.scan('events', range));
    return first === undefined ? null : parseEventsKey(first.row);
  }
}

const rawRow = (row: Row): RawRow => ({
  rowKey: row.row,
  key: parseEventsKey(row.row),
  bytes: row.cells.get(BATCH) ?? new Uint8Array(),
  arrival: row.time,
});
