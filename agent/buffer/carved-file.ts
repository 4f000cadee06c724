/**
 * A buffer's file that SQLite cannot open, for support: what lies in its pages, read as a salvage reads it. Nothing is changed.
 *
 * A first pass notes on which page each event lies (some bytes an event); events are read again from there when they are asked for.
 */
import { type Epoch, streamId, type TerminalId } from '../../shared/ids.ts';
import { HOUR_MS } from '../../shared/time.ts';
import { BufferError } from './buffer-error.ts';
import { eventPasses, headPasses } from './event-filter.ts';
import type { BufferReader, EventFilter, EventPage, EventState, StoredEvent, StoredLoss } from './port.ts';
import { decodeBody, STATE } from './row.ts';
import { NO_BYTES, type OpenByteSource, openByteSource } from './salvage/byte-source.ts';
import { Carver } from './salvage/carve.ts';
import type { EventFinding, LossFinding } from './salvage/findings.ts';
import { Pages } from './salvage/pages.ts';

const PAGE_EVENTS = 500;
const STATES = Object.keys(STATE) as EventState[];

interface Found {
  readonly epoch: Epoch;
  readonly seq: number;
  /** Index of the page. */
  readonly page: number;
}

export class CarvedFile implements BufferReader {
  readonly #sources: readonly (OpenByteSource | null)[];
  readonly #pages: Pages;
  readonly #carver: Carver;
  readonly #terminal: TerminalId;
  readonly #fault: string;
  /** By epoch, the one with the oldest row first, then by seq. */
  readonly #found: readonly Found[];
  readonly #losses: readonly StoredLoss[];
  #last: { readonly page: number; readonly events: readonly EventFinding[] } = { page: -1, events: [] };

  /**
   * @param terminal of the streams' names, which the file itself can't tell
   * @param fault why SQLite cannot open it
   */
  constructor(path: string, terminal: TerminalId, fault: string) {
    const [database, log] = [openByteSource(path), openByteSource(`${path}-wal`)];
    this.#sources = [database, log];
    this.#pages = new Pages(database ?? NO_BYTES, log ?? NO_BYTES);
    this.#carver = new Carver(this.#pages);
    this.#terminal = terminal;
    this.#fault = fault;
    const { found, losses } = this.#survey();
    this.#found = found;
    this.#losses = losses;
  }

  facts(): never {
    throw new BufferError(this.#fault);
  }

  events(filter: EventFilter, position: number | null, order: 'oldest' | 'newest'): EventPage {
    const all = this.#found.length;
    const from = position ?? 0;
    const until = Math.min(all, from + PAGE_EVENTS);
    const events: StoredEvent[] = [];
    for (let at = from; at < until; at++) {
      const finding = this.#read(this.#found[order === 'oldest' ? at : all - 1 - at]!);
      if (!headPasses(finding, filter)) continue;
      const stored = this.#stored(finding);
      if (stored.event === null || eventPasses(stored.event, filter)) events.push(stored);
    }
    const next = until < all ? until : null;
    return { events, damage: next === null ? [this.#fault] : [], next, progress: all === 0 ? 1 : until / all };
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

  // biome-ignore lint/correctness/useYield: nothing can be accounted for
  *account(): Generator<number, never> {
    throw new BufferError(`${this.#fault}; what can be read of it: ${this.#found.length} events`);
  }

  close(): void {
    for (const source of this.#sources) source?.close();
  }

  /** The first version met of each row is the newest. */
  #survey(): { found: Found[]; losses: StoredLoss[] } {
    const epochs = new Map<Epoch, { readonly pages: Map<number, number>; oldest: number }>();
    const losses = new Map<string, StoredLoss>();
    for (let page = 0; page < this.#pages.count; page++) {
      for (const finding of this.#carver.page(this.#pages.at(page)).findings) {
        if (finding.kind === 'loss') this.#note(losses, finding);
        if (finding.kind !== 'event') continue;
        const { epoch, seq, at } = finding;
        const known = epochs.get(epoch) ?? { pages: new Map<number, number>(), oldest: at };
        epochs.set(epoch, known);
        known.oldest = Math.min(known.oldest, at);
        if (!known.pages.has(seq)) known.pages.set(seq, page);
      }
    }
    const found = [...epochs]
      .sort(([, a], [, b]) => a.oldest - b.oldest)
      .flatMap(([epoch, { pages }]) =>
        [...pages].sort(([a], [b]) => a - b).map(([seq, page]): Found => ({ epoch, seq, page })),
      );
    return { found, losses: [...losses.values()] };
  }

  #note(losses: Map<string, StoredLoss>, { loss }: LossFinding): void {
    const key = `${loss.epoch} ${loss.first_seq}`;
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

  #read({ epoch, seq, page }: Found): EventFinding {
    if (this.#last.page !== page) {
      const { findings } = this.#carver.page(this.#pages.at(page));
      this.#last = { page, events: findings.filter((finding) => finding.kind === 'event') };
    }
    const finding = this.#last.events.find((event) => event.epoch === epoch && event.seq === seq);
    if (finding === undefined) throw new BufferError('the file changes while it is read');
    return finding;
  }

  #stored({ epoch, seq, state, at, reason, body }: EventFinding): StoredEvent {
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
