/**
 * Compare-and-set through Thrift2.
 *
 * `checkAndPut` does not distinguish an empty value from none, so an expected empty value is
 * requested as "less than a zero byte", which only an existing empty cell is. For the reverse HBase
 * offers nothing: where no cell is expected, an existing empty one passes as absent. So a column
 * that is ever checked for absence must not hold an empty value.
 */
import type { Column, Put } from '../tables.ts';
import { splitColumn, toPut } from './row-mapping.ts';
import type { Gateway } from './thrift/gateway.ts';
import { COMPARE, checkAndMutate, checkAndPut } from './thrift/idl.ts';

export function checkAndPutRow(
  gateway: Gateway,
  table: Uint8Array,
  subject: string,
  check: { readonly column: Column; readonly expected: Uint8Array | null },
  put: Put,
): Promise<boolean> {
  const tput = toPut(put);
  const cell = { table, row: put.row, ...splitColumn(check.column) };
  if (check.expected === null) return gateway.call(checkAndPut, { ...cell, tput }, subject);
  if (check.expected.length > 0) return gateway.call(checkAndPut, { ...cell, value: check.expected, tput }, subject);
  const rowMutations = { row: put.row, mutations: [{ put: tput }] };
  const lessThanAnyByte = { compareOp: COMPARE.greater, value: Uint8Array.of(0) };
  return gateway.call(checkAndMutate, { ...cell, ...lessThanAnyByte, rowMutations }, subject);
}
