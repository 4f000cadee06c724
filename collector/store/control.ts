/**
 * Small records about the whole store: API keys (hashed), the store's generation, layout and digest
 * key.
 */
import type { MerchantId } from '../../shared/ids.ts';
import { controlKey, prefixEnd } from '../../shared/keys.ts';
import { pack, unpack } from '../../shared/wire/message-pack.ts';
import type { Column, Tables } from './tables.ts';

const VALUE: Column = 'm:value';

export interface ApiKey {
  readonly merchant: MerchantId;
  /** SHA-256 of the key, hex. */
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

/** How far a backup was put into the store. */
export interface RestoreRecord {
  /** Name of the set, and the checksum of its manifest. */
  readonly set: string;
  readonly sha256: string;
  /** The generation that the store gets at the end. */
  readonly generation: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
  /** How many files are in the store. */
  readonly files: number;
}

export class Control {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  apiKey(hash: string): Promise<ApiKey | null> {
    return this.#read<ApiKey>('key', hash);
  }

  addApiKey(key: ApiKey): Promise<void> {
    return this.#tables.put('control', [{ row: controlKey('key', key.hash), cells: new Map([[VALUE, pack(key)]]) }]);
  }

  /**
   * Revokes by compare-and-set: after the clock was set back, HBase would treat a plain put as the
   * older version, and the key would stay valid.
   *
   * @param key as it was read
   * @returns false when it has changed since
   */
  revokeApiKey(key: ApiKey, at: number): Promise<boolean> {
    const put = { row: controlKey('key', key.hash), cells: new Map([[VALUE, pack({ ...key, revokedAt: at })]]) };
    return this.#tables.checkAndPut('control', { column: VALUE, expected: pack(key) }, put);
  }

  async *apiKeys(): AsyncIterable<ApiKey> {
    const start = controlKey('key', '');
    for await (const row of this.#tables.scan('control', { start, stop: prefixEnd(start) })) {
      yield unpack(row.cells.get(VALUE)!) as ApiKey;
    }
  }

  /**
   * The store's generation; the first caller's `proposed` becomes it. A restored store gets a new
   * one.
   */
  storeGen(proposed: string): Promise<string> {
    return this.#readOrCreate('store', 'generation', proposed);
  }

  /** Null for a store that was never initialized. */
  generation(): Promise<string | null> {
    return this.#read('store', 'generation');
  }

  /** @returns false when it has changed since it was read as `before` */
  renewGeneration(generation: string, before: string): Promise<boolean> {
    const put = { row: controlKey('store', 'generation'), cells: new Map([[VALUE, pack(generation)]]) };
    return this.#tables.checkAndPut('control', { column: VALUE, expected: pack(before) }, put);
  }

  /**
   * The version of the layout of the store's rows: 1 for a store that is older than its record,
   * null for one that was never initialized.
   */
  async layout(): Promise<number | null> {
    // In this order: whoever initializes the store beside us records the layout before the
    // generation.
    const isInitialized = (await this.generation()) !== null;
    return (await this.#read<number>('store', 'layout')) ?? (isInitialized ? 1 : null);
  }

  /** The layout of a store that had none; the first caller's `proposed` is recorded permanently. */
  recordLayout(proposed: number): Promise<number> {
    return this.#readOrCreate('store', 'layout', proposed);
  }

  /**
   * The secret key of the digests in the keys of `events`; the first caller's `proposed` becomes it
   * permanently.
   */
  digestKey(proposed: Uint8Array): Promise<Uint8Array> {
    return this.#readOrCreate('store', 'digestKey', proposed);
  }

  /** The last restore; null for a store that was not restored. */
  restored(): Promise<RestoreRecord | null> {
    return this.#read('store', 'restore');
  }

  /**
   * @param before as it was read; null: there was none
   * @returns false when it has changed since
   */
  recordRestore(record: RestoreRecord, before: RestoreRecord | null): Promise<boolean> {
    const put = { row: controlKey('store', 'restore'), cells: new Map([[VALUE, pack(record)]]) };
    const expected = before === null ? null : pack(before);
    return this.#tables.checkAndPut('control', { column: VALUE, expected }, put);
  }

  /** Writes a value without meaning: proves that the store accepts writes now. */
  async probe(name: string, now: number): Promise<void> {
    await this.#tables.put('control', [{ row: controlKey('probe', name), cells: new Map([[VALUE, pack(now)]]) }]);
  }

  async #read<T>(kind: string, name: string): Promise<T | null> {
    const [row] = await this.#tables.get('control', [controlKey(kind, name)], [VALUE]);
    return row ? (unpack(row.cells.get(VALUE)!) as T) : null;
  }

  /** The stored value, or else `proposed` from whichever caller writes it first. */
  async #readOrCreate<T>(kind: string, name: string, proposed: T): Promise<T> {
    const found = await this.#read<T>(kind, name);
    if (found !== null) return found;
    const put = { row: controlKey(kind, name), cells: new Map([[VALUE, pack(proposed)]]) };
    if (await this.#tables.checkAndPut('control', { column: VALUE, expected: null }, put)) return proposed;
    return (await this.#read<T>(kind, name)) ?? proposed;
  }
}
