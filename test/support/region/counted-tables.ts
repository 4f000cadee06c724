/** A store that tells which calls were made, and how many of them had to wait for others. */
import type { Columns, Row, Scan, TableName, Tables } from '../../../collector/store/tables.ts';

export interface CountedCall {
  readonly operation: 'get' | 'scan';
  readonly table: TableName;
  readonly keysOnly: boolean;
}

/** Reads alone: the others go through. */
export class CountedTables {
  readonly calls: CountedCall[] = [];
  /** The longest chain of calls of which each began after the one before had ended. */
  rounds = 0;
  readonly #tables: Tables;

  private constructor(tables: Tables) {
    this.#tables = tables;
  }

  static of(tables: Tables): { readonly counted: CountedTables; readonly tables: Tables } {
    const counted = new CountedTables(tables);
    const through = Object.assign(Object.create(tables) as Tables, {
      get: counted.#get.bind(counted),
      scan: counted.#scan.bind(counted),
      ...Object.fromEntries(
        (['put', 'putIfAbsent', 'exists', 'checkAndPut', 'delete'] as const).map((name) => [
          name,
          (...args: unknown[]) => (tables[name] as (...args: unknown[]) => unknown).apply(tables, args),
        ]),
      ),
    });
    return { counted, tables: through };
  }

  /** What happens, counted from nothing. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.calls.length = 0;
    this.rounds = 0;
    return await work();
  }

  #begin(call: CountedCall): () => void {
    this.calls.push(call);
    const round = this.rounds + 1;
    return () => {
      this.rounds = Math.max(this.rounds, round);
    };
  }

  async #get(table: TableName, rows: readonly Uint8Array[], columns?: Columns): Promise<(Row | null)[]> {
    const end = this.#begin({ operation: 'get', table, keysOnly: false });
    try {
      return await this.#tables.get(table, rows, columns);
    } finally {
      end();
    }
  }

  async *#scan(table: TableName, scan: Scan): AsyncIterable<Row> {
    const end = this.#begin({ operation: 'scan', table, keysOnly: scan.keysOnly ?? false });
    try {
      yield* this.#tables.scan(table, scan);
    } finally {
      end();
    }
  }
}
