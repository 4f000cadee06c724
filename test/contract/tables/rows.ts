import { randomBytes } from 'node:crypto';
import type { Column, Put, Row, Scan, TableName, Tables } from '../../../collector/store/tables.ts';

/** Opens the same store again. */
export type OpenTables = () => Promise<Tables>;

/**
 * Makes the row keys of one test: all begin with the same fresh random bytes, which end below 0xff.
 */
export function freshKeys(): { key(...suffix: (string | number)[]): Buffer; prefix: Buffer; end: Buffer } {
  const prefix = Buffer.concat([randomBytes(11), Buffer.of(0x41)]);
  const end = Buffer.from(prefix);
  end[end.length - 1] = 0x42;
  const key = (...suffix: (string | number)[]) =>
    Buffer.concat([prefix, ...suffix.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part)))]);
  return { key, prefix, end };
}

/** Cells by column; text is written as UTF-8. */
export type CellValues = { readonly [column in Column]?: string | Uint8Array };

export function put(row: Uint8Array, values: CellValues, time?: number): Put {
  const cells = new Map<Column, Uint8Array>();
  for (const [column, value] of Object.entries(values)) cells.set(column as Column, Buffer.from(value as string));
  return time === undefined ? { row, cells } : { row, cells, time };
}

export async function collect(tables: Tables, table: TableName, scan: Scan): Promise<Row[]> {
  return Array.fromAsync(tables.scan(table, scan));
}

/** A row's cells as plain text, for comparisons that read well. */
export function textOf(row: Row | null | undefined): Record<string, string> | null {
  if (row === null || row === undefined) return null;
  return Object.fromEntries([...row.cells].sort().map(([column, value]) => [column, Buffer.from(value).toString()]));
}

export function hex(keys: readonly (Uint8Array | Row)[]): string[] {
  return keys.map((key) => Buffer.from('row' in key ? key.row : key).toString('hex'));
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
