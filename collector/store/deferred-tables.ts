/**
 * A store that may be unavailable while the collector starts: refuses every call until it was
 * opened, then delegates. So no other code has to handle a store that opens later.
 */
import { type Put, type Row, type Scan, StoreUnavailable, type TableName, type Tables } from './tables.ts';

export class DeferredTables implements Tables {
  #tables: Tables | null = null;
  #closed = false;

  /** Delegates to `tables` from now on, and closes it in `close()`. */
  async opened(tables: Tables): Promise<void> {
    if (this.#closed) await tables.close();
    else this.#tables = tables;
  }

  get isOpen(): boolean {
    return this.#tables !== null;
  }

  /** Asked by whoever has read something. */
  get expiresAfterMs(): number | null {
    return this.#tables?.expiresAfterMs ?? null;
  }

  async init(): Promise<void> {
    await this.#open().init();
  }

  async put(table: TableName, puts: readonly Put[]): Promise<void> {
    await this.#open().put(table, puts);
  }

  async putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]> {
    return await this.#open().putIfAbsent(table, puts);
  }

  async exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#open().exists(table, rows);
  }

  async get(...args: Parameters<Tables['get']>): Promise<(Row | null)[]> {
    return this.#open().get(...args);
  }

  async *scan(table: TableName, scan: Scan): AsyncIterable<Row> {
    yield* this.#open().scan(table, scan);
  }

  async checkAndPut(...args: Parameters<Tables['checkAndPut']>): Promise<boolean> {
    return this.#open().checkAndPut(...args);
  }

  async delete(table: TableName, rows: readonly Uint8Array[]): Promise<void> {
    await this.#open().delete(table, rows);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tables?.close();
  }

  #open(): Tables {
    if (this.#tables === null) throw new StoreUnavailable('the store has not been opened yet');
    return this.#tables;
  }
}
