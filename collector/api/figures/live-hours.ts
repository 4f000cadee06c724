/**
 * Hours that have no rollup yet: folded from the raw log on request and cached, so that the next
 * request folds only new rows.
 *
 * Rows of an hour are only ever added. An entry holds, for each lane (the events or the losses of
 * one terminal), how many rows were folded and the last key. While exactly that many rows lie at or
 * below that key, no row was inserted in between, and the rows above it are the new ones. Otherwise
 * the terminal is folded again from its start. An update that fails half-way has folded some rows
 * and counted exactly these; the next update continues from there.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { PartialFold } from '../../aggregation/fold.ts';
import type { Logic } from '../../aggregation/logic-version.ts';
import type { PartialAggregate } from '../../aggregation/partial.ts';
import { readRow } from '../../aggregation/raw-row.ts';
import type { EventLog, RawRow } from '../../store/event-log.ts';

export interface LivePartial {
  readonly terminal: TerminalId;
  readonly partial: PartialAggregate;
}

interface Lane {
  /** Rows folded so far. */
  rows: number;
  lastKey: Uint8Array;
  /** Rows at or below `lastKey` that the running update has seen. */
  seen: number;
}

interface Folded {
  readonly fold: PartialFold;
  readonly losses: Lane;
  readonly events: Lane;
}

interface Entry {
  readonly terminals: Map<TerminalId, Folded>;
  /** Monotonic, milliseconds. */
  staleAt: number;
  /** The running update, which concurrent requests join. */
  update: Promise<void> | null;
}

export interface LiveHoursOptions {
  readonly log: EventLog;
  readonly logic: Logic;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /**
   * An entry younger than this is served as it is; a large one for as long as its update took, so
   * that updates take at most half of the time.
   */
  readonly freshForMs: number;
  /**
   * Bound on the raw rows behind all entries but the most recent one; the least recently used are
   * evicted first.
   */
  readonly maxRows: number;
}

export class LiveHours {
  readonly #options: LiveHoursOptions;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: LiveHoursOptions) {
    this.#options = options;
  }

  /**
   * The partial aggregates of all terminals of an hour. Read them before the next call: it may add
   * to them.
   */
  async partials(merchant: MerchantId, hour: number): Promise<LivePartial[]> {
    const name = `${merchant}/${hour}`;
    const entry: Entry = this.#entries.get(name) ?? {
      terminals: new Map(),
      staleAt: Number.NEGATIVE_INFINITY,
      update: null,
    };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#options.clock() >= entry.staleAt) {
      entry.update ??= this.#update(entry, merchant, hour).finally(() => {
        entry.update = null;
      });
      await entry.update;
      this.#evict();
    }
    return [...entry.terminals].map(([terminal, { fold }]) => ({ terminal, partial: fold.partial() }));
  }

  async #update(entry: Entry, merchant: MerchantId, hour: number): Promise<void> {
    const { log, clock, freshForMs } = this.#options;
    const startedAt = clock();
    if (entry.terminals.size === 0) {
      for await (const row of log.scan(merchant, hour, hour + 1)) this.#fold(entry.terminals, row);
    } else {
      await this.#foldNewRows(entry.terminals, merchant, hour);
    }
    entry.staleAt = Math.max(startedAt + freshForMs, 2 * clock() - startedAt);
  }

  async #foldNewRows(terminals: Map<TerminalId, Folded>, merchant: MerchantId, hour: number): Promise<void> {
    const { log } = this.#options;
    for (const { losses, events } of terminals.values()) losses.seen = events.seen = 0;
    const added: { terminal: TerminalId; rowKey: Uint8Array }[] = [];
    for await (const { key, rowKey } of log.scan(merchant, hour, hour + 1, { keysOnly: true })) {
      const lane = terminals.get(key.terminal)?.[key.kind];
      if (lane !== undefined && Buffer.compare(rowKey, lane.lastKey) <= 0) lane.seen++;
      else added.push({ terminal: key.terminal, rowKey });
    }
    const refolded = new Map<TerminalId, Folded>();
    for (const [terminal, { losses, events }] of terminals) {
      if (losses.seen === losses.rows && events.seen === events.rows) continue;
      for await (const row of log.scanTerminal(merchant, hour, terminal)) this.#fold(refolded, row);
    }
    const keys = added.filter(({ terminal }) => !refolded.has(terminal)).map(({ rowKey }) => rowKey);
    for await (const row of log.get(keys)) this.#fold(terminals, row);
    for (const [terminal, folded] of refolded) terminals.set(terminal, folded);
  }

  #fold(terminals: Map<TerminalId, Folded>, row: RawRow): void {
    const { terminal, kind } = row.key;
    const folded = terminals.get(terminal) ?? {
      fold: new PartialFold(this.#options.logic),
      losses: { rows: 0, lastKey: new Uint8Array(), seen: 0 },
      events: { rows: 0, lastKey: new Uint8Array(), seen: 0 },
    };
    terminals.set(terminal, folded);
    folded.fold.add(readRow(row));
    folded[kind].rows++;
    folded[kind].lastKey = row.rowKey;
  }

  #evict(): void {
    const sizes = [...this.#entries].map(([name, entry]) => ({ name, entry, rows: rowsOf(entry) }));
    // The most recent one stays, however large: otherwise each query for it would fold it from
    // scratch.
    let rows = sizes.slice(0, -1).reduce((sum, { rows }) => sum + rows, 0);
    for (const { name, entry, rows: size } of sizes.slice(0, -1)) {
      if (rows <= this.#options.maxRows) return;
      if (entry.update !== null) continue;
      this.#entries.delete(name);
      rows -= size;
    }
  }
}

/** Plus one, because an entry without rows takes memory too. */
function rowsOf({ terminals }: Entry): number {
  let rows = 1;
  for (const { losses, events } of terminals.values()) rows += losses.rows + events.rows;
  return rows;
}
