/** The terminals of a merchant: who may connect (registry), and the last status of each epoch. */
import { Buffer } from 'node:buffer';
import type { Epoch, MerchantId, StoreId, TerminalId } from '../../shared/ids.ts';
import { parseTerminalKey, prefixEnd, REGISTRY_EPOCH, terminalKey, terminalsPrefix } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import { type Column, StoreUnavailable, type Tables } from './tables.ts';

export const REGISTRY: Column = 'm:registry';
const USAGE: Column = 'm:usage';
export const STATUS: Column = 'm:presence';

export interface TokenRecord {
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
}

export interface Registration {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly store: StoreId | null;
  /** Retired: revoked, and nothing more is expected of it. */
  readonly state: 'active' | 'revoked' | 'retired';
  /** All tokens that are valid now: two during a rotation. */
  readonly tokens: readonly TokenRecord[];
  readonly createdAt: number;
  /** What the terminal may store in a UTC day, where that differs from the configuration. */
  readonly quotas?: Partial<DailyQuotas>;
}

export interface DailyQuotas {
  readonly bytesPerDay: number;
  readonly eventsPerDay: number;
}

/** The last status of an epoch. */
export interface TerminalStatus {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly epoch: Epoch;
  /** Milliseconds since 1970, the collector's clock. */
  readonly lastSeen: number;
  readonly lastSeq: number;
  /** Closed ranges of seqs. */
  readonly pending: readonly (readonly [number, number])[];
  /** Low watermark: its agent held nothing older; milliseconds since 1970, 0: unknown. */
  readonly clearThrough: number;
  /** Epochs that its agent says are over, each with its last seq. */
  readonly closed?: readonly (readonly [epoch: Epoch, lastSeq: number])[];
  readonly losses: number;
  readonly bufferBytes: number;
  readonly clockOffsetMs: number | null;
  readonly version: string;
}

/** What a terminal stored in a UTC day, as far as collectors reported it. */
export interface DailyUsage {
  /** Days since 1970. */
  readonly day: number;
  /** Of rows in the raw log. */
  readonly bytes: number;
  /** Seqs: events, and those in loss records. */
  readonly events: number;
}

/** Epoch 0 is the registry's. */
const FIRST_EPOCH = '0000000000000001' as Epoch;
const LAST_EPOCH = 'ffffffffffffffff' as Epoch;

/** Attempts to add to a usage that other collectors change at the same time. */
const MAX_RACES = 16;

export class Terminals {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async registration(merchant: MerchantId, terminal: TerminalId): Promise<Registration | null> {
    const [row] = await this.#tables.get('terminals', [terminalKey(merchant, terminal, REGISTRY_EPOCH)], [REGISTRY]);
    return row ? (unpack(row.cells.get(REGISTRY)!) as Registration) : null;
  }

  /**
   * @param expected the registration read before; null: must not exist
   * @returns false when it has changed since
   */
  register(registration: Registration, expected: Registration | null): Promise<boolean> {
    const row = terminalKey(registration.merchant, registration.terminal, REGISTRY_EPOCH);
    const check = { column: REGISTRY, expected: expected === null ? null : pack(expected) };
    return this.#tables.checkAndPut('terminals', check, { row, cells: new Map([[REGISTRY, pack(registration)]]) });
  }

  /**
   * Adds to what a terminal stored today. A later day than that in the store replaces it.
   *
   * @returns the sum over all collectors, and the terminal's own quotas
   */
  async addUsage(
    merchant: MerchantId,
    terminal: TerminalId,
    more: DailyUsage,
  ): Promise<{ usage: DailyUsage; quotas: Partial<DailyQuotas> }> {
    const row = terminalKey(merchant, terminal, REGISTRY_EPOCH);
    for (let race = 0; race < MAX_RACES; race++) {
      const [found] = await this.#tables.get('terminals', [row], [REGISTRY, USAGE]);
      const expected = found?.cells.get(USAGE) ?? null;
      const before = expected === null ? null : (unpack(expected) as DailyUsage);
      const { day, bytes, events } = more;
      const sum =
        // A day ahead: of a collector whose clock is a little ahead. Further ahead it was wrong.
        before !== null && (before.day === day || before.day === day + 1)
          ? { day: before.day, bytes: before.bytes + bytes, events: before.events + events }
          : more;
      const put = { row, cells: new Map([[USAGE, pack(sum)]]) };
      if (!(await this.#tables.checkAndPut('terminals', { column: USAGE, expected }, put))) continue;
      const registry = found?.cells.get(REGISTRY);
      return { usage: sum, quotas: registry === undefined ? {} : ((unpack(registry) as Registration).quotas ?? {}) };
    }
    throw new StoreUnavailable(`the usage of ${merchant}/${terminal} changed ${MAX_RACES} times meanwhile`);
  }

  /** Stores the last status of several epochs; the newest `lastSeen` wins. */
  putStatuses(statuses: readonly TerminalStatus[]): Promise<void> {
    return this.#tables.put(
      'terminals',
      statuses.map((status) => ({
        row: terminalKey(status.merchant, status.terminal, status.epoch),
        cells: new Map([[STATUS, pack(status)]]),
        time: status.lastSeen,
      })),
    );
  }

  /**
   * The epochs of a terminal that have a status, in order of epoch.
   *
   * @param limit at most so many
   */
  async epochsOf(
    merchant: MerchantId,
    terminal: TerminalId,
    limit: number,
  ): Promise<{ epoch: Epoch; lastSeen: number }[]> {
    const start = terminalKey(merchant, terminal, FIRST_EPOCH);
    const stop = prefixEnd(terminalKey(merchant, terminal, LAST_EPOCH));
    const rows = await Array.fromAsync(this.#tables.scan('terminals', { start, stop, limit, keysOnly: true }));
    return rows.map(({ row, time }) => ({ epoch: parseTerminalKey(row).epoch, lastSeen: time }));
  }

  /**
   * Deletes the status of epochs that were not seen for long. Should one come again, its status
   * has a later time than the deletion, so HBase shows it. If clocks differ, HBase may hide that
   * status; the next one says the same.
   */
  forgetEpochs(merchant: MerchantId, terminal: TerminalId, epochs: readonly Epoch[]): Promise<void> {
    return this.#tables.delete(
      'terminals',
      epochs.map((epoch) => terminalKey(merchant, terminal, epoch)),
    );
  }

  /** A merchant's terminals in order of id, each with its epochs. */
  async *list(
    merchant: MerchantId,
  ): AsyncIterable<{ registration: Registration | null; terminal: TerminalId; epochs: TerminalStatus[] }> {
    // Before the first terminal is the row of the merchant: `finality.ts`.
    const prefix = terminalsPrefix(merchant);
    const start = Buffer.concat([prefix, Buffer.of(1)]);
    let current: { registration: Registration | null; terminal: TerminalId; epochs: TerminalStatus[] } | null = null;
    for await (const row of this.#tables.scan('terminals', { start, stop: prefixEnd(prefix) })) {
      const { terminal } = parseTerminalKey(row.row);
      if (current !== null && current.terminal !== terminal) {
        yield current;
        current = null;
      }
      current ??= { registration: null, terminal, epochs: [] };
      const registration = row.cells.get(REGISTRY);
      const status = row.cells.get(STATUS);
      if (registration) current.registration = unpack(registration) as Registration;
      if (status) current.epochs.push(unpack(status) as TerminalStatus);
    }
    if (current !== null) yield current;
  }
}
