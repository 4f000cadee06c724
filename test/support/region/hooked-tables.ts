/** A store with a hook before each call, which may do something first, or refuse the call. */
import type { Column, Columns, Put, Row, Scan, TableName, Tables } from '../../../collector/store/tables.ts';

export interface Call {
  /** `putIfAbsent` is a put. */
  readonly operation: 'put' | 'exists' | 'get' | 'scan' | 'checkAndPut' | 'delete';
  readonly table: TableName;
  /** Of a scan. */
  readonly keysOnly?: boolean;
  /** Of a scan of what is not older. */
  readonly since?: number;
  /** Key of a checkAndPut. */
  readonly row?: Uint8Array;
}

/**
 * What `around` throws, the caller gets. `call` may be made not at all, or before the throw: a
 * write that nobody heard of.
 */
export type Around = <T>(call: Call, make: () => Promise<T>) => Promise<T>;

export class HookedTables implements Tables {
  readonly #tables: Tables;
  readonly #around: Around;

  constructor(tables: Tables, around: Around) {
    this.#tables = tables;
    this.#around = around;
  }

  get expiresAfterMs(): number | null {
    return this.#tables.expiresAfterMs;
  }

  init(): Promise<void> {
    return this.#tables.init();
  }
  put(table: TableName, puts: readonly Put[]): Promise<void> {
    return this.#around({ operation: 'put', table }, () => this.#tables.put(table, puts));
  }
  putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]> {
    return this.#around({ operation: 'put', table }, () => this.#tables.putIfAbsent(table, puts));
  }
  exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#around({ operation: 'exists', table }, () => this.#tables.exists(table, rows));
  }
  get(table: TableName, rows: readonly Uint8Array[], columns?: Columns): Promise<(Row | null)[]> {
    return this.#around({ operation: 'get', table }, () => this.#tables.get(table, rows, columns));
  }
  async *scan(table: TableName, scan: Scan): AsyncIterable<Row> {
    const { keysOnly = false, since } = scan;
    const call: Call = { operation: 'scan', table, keysOnly, ...(since !== undefined && { since }) };
    yield* await this.#around(call, async () => this.#tables.scan(table, scan));
  }
  checkAndPut(table: TableName, check: { column: Column; expected: Uint8Array | null }, put: Put): Promise<boolean> {
    return this.#around({ operation: 'checkAndPut', table, row: put.row }, () =>
      this.#tables.checkAndPut(table, check, put),
    );
  }
  delete(table: TableName, rows: readonly Uint8Array[]): Promise<void> {
    return this.#around({ operation: 'delete', table }, () => this.#tables.delete(table, rows));
  }
  async close(): Promise<void> {
    await this.#tables.close();
  }
}
