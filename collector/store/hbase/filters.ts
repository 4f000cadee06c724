/**
 * HBase's filters as Thrift2's `filterBytes` has them: a protobuf message that names the filter's
 * Java class (`hbase-protocol`, `Filter.proto`). Only those that scans need.
 */
import type { KeyRange } from '../tables.ts';

const PACKAGE = 'org.apache.hadoop.hbase.filter.';
const MUST_PASS_ALL = 1;

/**
 * @param mostCells of a row, the first ones; null: all
 * @returns null when none is needed
 */
export function filterOf(
  parts: readonly KeyRange[],
  keysOnly: boolean,
  mostCells: number | null = null,
): Uint8Array | null {
  const filters = [
    ...(parts.length > 1 ? [multiRowRange(parts)] : []),
    ...(keysOnly ? [keyOnly()] : []),
    ...(mostCells === null ? [] : [columnPagination(mostCells)]),
  ];
  return filters.length > 1 ? all(filters) : (filters[0] ?? null);
}

const keyOnly = (): Uint8Array => filter('KeyOnlyFilter', bool(1, false));

const columnPagination = (limit: number): Uint8Array =>
  filter('ColumnPaginationFilter', varint(1 << 3), varint(limit), varint(2 << 3), varint(0));

/** Seeks from part to part. */
const multiRowRange = (parts: readonly KeyRange[]): Uint8Array =>
  filter(
    'MultiRowRangeFilter',
    ...parts.map(({ start, stop }) =>
      bytes(1, Buffer.concat([bytes(1, start), bool(2, true), bytes(3, stop), bool(4, false)])),
    ),
  );

const all = (filters: readonly Uint8Array[]): Uint8Array =>
  filter('FilterList', varint(1 << 3), varint(MUST_PASS_ALL), ...filters.map((each) => bytes(2, each)));

const filter = (name: string, ...fields: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([bytes(1, Buffer.from(PACKAGE + name)), bytes(2, Buffer.concat(fields))]);

const bool = (field: number, value: boolean): Uint8Array => Buffer.of(field << 3, Number(value));

const bytes = (field: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);

function varint(value: number): Uint8Array {
  const digits: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...digits, left]);
    digits.push((left % 128) | 128);
  }
}
