/**
 * Reads, for support, a buffer's file that SQLite cannot open: carves its pages as recovery does,
 * and changes nothing.
 *
 * A survey first notes the page of each event (some bytes per event): rows that pages list, then
 * stray rows anywhere in pages. Events are read again from there on request. A seq that the side
 * file knows to be settled is not pending, even if an older version of its row says so.
 */
import { type Epoch, streamId, type TerminalId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type {
  BufferReader,
  EventFilter,
  EventPage,
  EventState,
  StoredEvent,
  StoredLoss,
} from '../../port/buffer-reader.ts';
import { BufferError } from '../disk/buffer-error.ts';
import { readMarks } from '../high-water/high-water-file.ts';
import { NO_BYTES, type OpenByteSource, openByteSource } from '../sqlite-format/byte-source.ts';
import { type CarvedEvent, type CarvedLoss, type CarvedRow, isOutdated } from '../sqlite-format/carved-row.ts';
import { Carver } from '../sqlite-format/carver.ts';
import { Pages } from '../sqlite-format/pages.ts';
import { decodeBody, STATE } from '../tables/event-row.ts';
import { eventMatches, rowMatches } from './event-filter.ts';

const PAGE_EVENTS = 500;
const STATES = Object.keys(STATE) as EventState[];

interface Found {
  readonly epoch: Epoch;
  readonly seq: number;
  readonly at: Spot;
}

interface Spot {
  /** Index of the page. */
  readonly page: number;
  /** Whether the page does not list the row in its cell pointers. */
  readonly isStray: boolean;
}

export class DamagedFileReader implements BufferReader {
  readonly #sources: readonly (OpenByteSource | null)[];
  readonly #pages: Pages;
  readonly #carver: Carver;
  readonly #terminal: TerminalId;
  readonly fault: string;
  readonly #settledThrough: ReadonlyMap<Epoch, number>;
  /** By epoch, the one with the oldest row first; within it by seq. */
  readonly #found: readonly Found[];
  readonly #losses: readonly StoredLoss[];
  #last: Spot & { readonly events: readonly CarvedEvent[] } = { page: -1, isStray: false, events: [] };

  /**
   * @param terminal for the streams' names, which the file itself cannot tell
   * @param fault why SQLite cannot open the file
   */
  constructor(path: string, terminal: TerminalId, fault: string) {
    const [database, wal] = [openByteSource(path), openByteSource(`${path}-wal`)];
    this.#sources = [database, wal];
    this.#pages = new Pages(database ?? NO_BYTES, wal ?? NO_BYTES);
    this.#carver = new Carver(this.#pages);
    this.#terminal = terminal;
    this.fault = fault;
    this.#settledThrough = new Map(readMarks(path).map(({ epoch, settledThrough }) => [epoch, settledThrough]));
    const { found, losses } = this.#survey();
    this.#found = found;
    this.#losses = losses;
  }

  stats(): never {
    throw new BufferError(this.fault);
  }

  events(filter: EventFilter, position: number | null, order: 'oldest' | 'newest'): EventPage {
    const all = this.#found.length;
    const from = position ?? 0;
    const until = Math.min(all, from + PAGE_EVENTS);
    const events: StoredEvent[] = [];
    for (let at = from; at < until; at++) {
      const row = this.#read(this.#found[order === 'oldest' ? at : all - 1 - at]!);
      if (!rowMatches(row, filter)) continue;
      const stored = this.#stored(row);
      if (stored.event === null || eventMatches(stored.event, filter)) events.push(stored);
    }
    const next = until < all ? until : null;
    return { events, damage: next === null ? [this.fault] : [], next, progress: all === 0 ? 1 : until / all };
  }

  losses(after: number, limit: number): StoredLoss[] {
    return this.#losses.filter(({ id }) => id > after).slice(0, limit);
  }

  latestLosses(limit: number): StoredLoss[] {
    return this.#losses.slice(-limit).reverse();
  }

  latestQuarantined(limit: number): StoredEvent[] {
    return this.#found
      .map((found) => this.#stored(this.#read(found)))
      .filter(({ state }) => state === 'quarantined')
      .slice(-limit)
      .reverse();
  }

  // biome-ignore lint/correctness/useYield: a damaged file has no accounts
  *account(): Generator<number, never> {
    throw new BufferError(`${this.fault}; what can be read of it: ${this.#found.length} events`);
  }

  close(): void {
    for (const source of this.#sources) source?.close();
  }

  /** Of each row the first version met is the newest. */
  #survey(): { found: Found[]; losses: StoredLoss[] } {
    const epochs = new Map<Epoch, { readonly spots: Map<number, Spot>; oldest: number }>();
    const losses = new Map<string, StoredLoss>();
    for (const spot of this.#spots()) {
      for (const row of this.#carvedRows(spot)) {
        if (row.kind === 'loss') this.#note(losses, row);
        if (row.kind !== 'event') continue;
        const { epoch, seq, at } = row;
        const known = epochs.get(epoch) ?? { spots: new Map<number, Spot>(), oldest: at };
        epochs.set(epoch, known);
        known.oldest = Math.min(known.oldest, at);
        if (!known.spots.has(seq)) known.spots.set(seq, spot);
      }
    }
    const found = [...epochs]
      .sort(([, a], [, b]) => a.oldest - b.oldest)
      .flatMap(([epoch, { spots }]) =>
        [...spots].sort(([a], [b]) => a - b).map(([seq, at]): Found => ({ epoch, seq, at })),
      );
    return { found, losses: [...losses.values()] };
  }

  *#spots(): Generator<Spot> {
    for (const isStray of [false, true]) {
      for (let page = 0; page < this.#pages.count; page++) yield { page, isStray };
    }
  }

  #carvedRows({ page, isStray }: Spot): readonly CarvedRow[] {
    const place = this.#pages.at(page);
    return isStray ? this.#carver.strays(place) : this.#carver.page(place).rows;
  }

  #note(losses: Map<string, StoredLoss>, { loss }: CarvedLoss): void {
    const key = `${loss.epoch} ${loss.first_seq} ${loss.reason}`;
    if (losses.has(key)) return;
    losses.set(key, {
      id: losses.size + 1,
      stream: streamId(this.#terminal, loss.epoch),
      firstSeq: loss.first_seq,
      count: loss.count,
      hour: loss.hour * HOUR_MS,
      reason: loss.reason,
      at: loss.at,
      detail: loss.detail,
      acked: loss.acked !== 0,
      sound: true,
    });
  }

  #read({ epoch, seq, at }: Found): CarvedEvent {
    if (this.#last.page !== at.page || this.#last.isStray !== at.isStray)
      this.#last = { ...at, events: this.#carvedRows(at).filter((row) => row.kind === 'event') };
    const row = this.#last.events.find((event) => event.epoch === epoch && event.seq === seq);
    if (row === undefined) throw new BufferError('the file changes while it is read');
    return isOutdated(row, this.#settledThrough.get(epoch) ?? 0) ? { ...row, state: STATE.acked } : row;
  }

  #stored({ epoch, seq, state, at, reason, body }: CarvedEvent): StoredEvent {
    return {
      id: seq,
      stream: streamId(this.#terminal, epoch),
      seq,
      state: STATES.find((name) => STATE[name] === state)!,
      at,
      reason,
      event: decodeBody(body),
      fault: null,
    };
  }
}
