/**
 * A real store behind a switch: while it is off, calls are refused as by a store that is away, or
 * get no answer at all.
 */
import {
  type Put,
  type Row,
  type Scan,
  StoreUnavailable,
  type TableName,
  type Tables,
} from '../../../collector/store/tables.ts';

export type Switch = 'on' | 'refuses' | 'silent';

export class SwitchableTables implements Tables {
  readonly #tables: Tables;
  readonly #waiting: (() => void)[] = [];
  #state: Switch = 'on';
  #only: TableName | null = null;
  /** Calls of `put` and `putIfAbsent` that arrived, by table. */
  readonly puts = new Map<TableName, number>();

  get expiresAfterMs(): number | null {
    return this.#tables.expiresAfterMs;
  }

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Of one table, or of all. Calls held back resume when the store is back. */
  turn(state: Switch, only: TableName | null = null): void {
    this.#state = state;
    this.#only = only;
    if (state === 'on') for (const go of this.#waiting.splice(0)) go();
  }

  async #pass(table: TableName | null): Promise<void> {
    if (this.#only !== null && this.#only !== table) return;
    if (this.#state === 'refuses') throw new StoreUnavailable('switched off');
    if (this.#state === 'silent') await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async init(): Promise<void> {
    await this.#pass(null);
    await this.#tables.init();
  }

  async put(table: TableName, puts: readonly Put[]): Promise<void> {
    this.puts.set(table, (this.puts.get(table) ?? 0) + 1);
    await this.#pass(table);
    await this.#tables.put(table, puts);
  }

  async putIfAbsent(table: TableName, puts: readonly Put[]): Promise<boolean[]> {
    this.puts.set(table, (this.puts.get(table) ?? 0) + 1);
    await this.#pass(table);
    return this.#tables.putIfAbsent(table, puts);
  }

  async exists(table: TableName, rows: readonly Uint8Array[]): Promise<boolean[]> {
    await this.#pass(table);
    return this.#tables.exists(table, rows);
  }

  async get(...args: Parameters<Tables['get']>): Promise<(Row | null)[]> {
    await this.#pass(args[0]);
    return this.#tables.get(...args);
  }

  async *scan(table: TableName, scan: Scan): AsyncIterable<Row> {
    await this.#pass(table);
    yield* this.#tables.scan(table, scan);
  }

  async checkAndPut(...args: Parameters<Tables['checkAndPut']>): Promise<boolean> {
    await this.#pass(args[0]);
    return this.#tables.checkAndPut(...args);
  }

  async delete(table: TableName, rows: readonly Uint8Array[]): Promise<void> {
    await this.#pass(table);
    await this.#tables.delete(table, rows);
  }

  close(): Promise<void> {
    return this.#tables.close();
  }
}
