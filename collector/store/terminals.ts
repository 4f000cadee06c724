/** The terminals of a merchant: who may connect (registry), and the last status of each epoch. */
import type { Epoch, MerchantId, StoreId, TerminalId } from '../../shared/ids.ts';
import { parseTerminalKey, prefixEnd, REGISTRY_EPOCH, terminalKey, terminalsPrefix } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Tables } from './tables.ts';

const REGISTRY: Column = 'm:registry';
const STATUS: Column = 'm:presence';

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
  readonly state: 'active' | 'revoked';
  /** All tokens that are valid now: two during a rotation. */
  readonly tokens: readonly TokenRecord[];
  readonly createdAt: number;
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
  readonly clearThrough: number;
  readonly losses: number;
  readonly bufferBytes: number;
  readonly clockOffsetMs: number | null;
  readonly version: string;
}

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

  /** A merchant's terminals in order of id, each with its epochs. */
  async *list(
    merchant: MerchantId,
  ): AsyncIterable<{ registration: Registration | null; terminal: TerminalId; epochs: TerminalStatus[] }> {
    const start = terminalsPrefix(merchant);
    let current: { registration: Registration | null; terminal: TerminalId; epochs: TerminalStatus[] } | null = null;
    for await (const row of this.#tables.scan('terminals', { start, stop: prefixEnd(start) })) {
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
