/**
 * Hours that have no rollup yet, folded from the raw log when somebody asks, and kept so that the next one only folds what came since.
 *
 * Rows of an hour are only ever added. So an entry holds, for each lane (a terminal's events or its losses), how many rows were folded and
 * the last key: as long as just as many rows lie at or below that key, nothing has come in between, and the rows above it are what is new.
 * Otherwise the terminal is folded again from its start.
 */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import { PartFold } from '../logic/fold.ts';
import type { Part } from '../logic/part.ts';
import { readRow } from '../logic/raw-row.ts';
import type { Logic } from '../logic/version.ts';
import type { EventLog } from '../store/event-log.ts';

export interface LivePart {
  readonly terminal: TerminalId;
  readonly part: Part;
}

interface Lane {
  rows: number;
  lastKey: Uint8Array;
}

interface Folded {
  fold: PartFold;
  readonly lanes: { losses: Lane; events: Lane };
}

interface Entry {
  readonly terminals: Map<TerminalId, Folded>;
  rows: number;
  /** Milliseconds, monotonic: when it was last brought up to date. */
  freshAt: number;
  /** The update under way, which others join. */
  update: Promise<void> | null;
}

export interface LiveHoursOptions {
  readonly log: EventLog;
  readonly logic: Logic;
  /** Monotonic clock, milliseconds. */
  readonly clock: () => number;
  /** An entry this young is served as it is. */
  readonly freshForMs: number;
  /** Bound on the raw rows behind all entries together; the least recently asked for go first. */
  readonly maxRows: number;
}

const noLane = (): Lane => ({ rows: 0, lastKey: new Uint8Array() });

export class LiveHours {
  readonly #options: LiveHoursOptions;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: LiveHoursOptions) {
    this.#options = options;
  }

  /** The parts of all terminals of an hour. To be read before the next `await`: a later call may add to them. */
  async parts(merchant: MerchantId, hour: number): Promise<LivePart[]> {
    const name = `${merchant}/${hour}`;
    const entry = this.#entries.get(name) ?? {
      terminals: new Map(),
      rows: 0,
      freshAt: Number.NEGATIVE_INFINITY,
      update: null,
    };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#options.clock() - entry.freshAt > this.#options.freshForMs) {
      entry.update ??= this.#update(entry, merchant, hour).finally(() => {
        entry.update = null;
      });
      try {
        await entry.update;
      } catch (error) {
        // Half an update may have been folded in.
        this.#entries.delete(name);
        throw error;
      }
      this.#evict();
    }
    return [...entry.terminals].map(([terminal, folded]) => ({ terminal, part: folded.fold.part() }));
  }

  async #update(entry: Entry, merchant: MerchantId, hour: number): Promise<void> {
    const startedAt = this.#options.clock();
    const keys = new Map<TerminalId, { losses: Uint8Array[]; events: Uint8Array[] }>();
    let rows = 0;
    for await (const { key, rowKey } of this.#options.log.scan(merchant, hour, hour + 1, { keysOnly: true })) {
      const lanes = keys.get(key.terminal) ?? { losses: [], events: [] };
      lanes[key.kind].push(rowKey);
      keys.set(key.terminal, lanes);
      rows++;
    }
    const wanted: Uint8Array[] = [];
    for (const [terminal, lanes] of keys) {
      const before = entry.terminals.get(terminal);
      if (before !== undefined && onlyAdded(before, lanes)) {
        wanted.push(...lanes.losses.slice(before.lanes.losses.rows), ...lanes.events.slice(before.lanes.events.rows));
      } else {
        entry.terminals.set(terminal, {
          fold: new PartFold(this.#options.logic),
          lanes: { losses: noLane(), events: noLane() },
        });
        wanted.push(...lanes.losses, ...lanes.events);
      }
    }
    for await (const row of this.#options.log.get(wanted)) {
      const folded = entry.terminals.get(row.key.terminal)!;
      folded.fold.add(readRow(row));
      const lane = folded.lanes[row.key.kind];
      lane.rows++;
      lane.lastKey = row.rowKey;
    }
    entry.rows = rows;
    entry.freshAt = startedAt;
  }

  #evict(): void {
    let rows = 0;
    for (const entry of this.#entries.values()) rows += entry.rows;
    for (const [name, entry] of this.#entries) {
      if (rows <= this.#options.maxRows) break;
      if (entry.update !== null) continue;
      this.#entries.delete(name);
      rows -= entry.rows;
    }
  }
}

function onlyAdded(before: Folded, now: { losses: readonly Uint8Array[]; events: readonly Uint8Array[] }): boolean {
  return (['losses', 'events'] as const).every((kind) => {
    const lane = before.lanes[kind];
    if (lane.rows === 0) return true;
    const last = now[kind][lane.rows - 1];
    return last !== undefined && Buffer.compare(last, lane.lastKey) === 0;
  });
}
