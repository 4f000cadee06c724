/** Decodes the columns of the items, checked against the bounds of an item. */
import { MAX_MONEY, MAX_QTY } from '../event/schema.ts';
import { ITEM_AMOUNTS } from './column-encoder.ts';
import { type BodyColumns, refuse, wholes, wholesOrNull } from './column-reader.ts';
import type { ItemFields } from './event-columns.ts';
import { isShort, type StringTable } from './string-table.ts';

/** @param receiptLines see `BatchHeader`; without it nothing is known of column 17 */
export function itemColumns(columns: BodyColumns, table: StringTable, receiptLines: boolean): ItemFields {
  const skus = columns.flat(14, 'skus');
  const qtys = columns.flat(15, 'qtys');
  const prices = columns.flat(16, 'prices');
  const totals = receiptLines && columns.has(ITEM_AMOUNTS) ? columns.flat(ITEM_AMOUNTS, 'item totals') : null;
  for (const { length } of [qtys, prices, totals ?? skus])
    if (length !== skus.length) refuse('the columns of the items differ in length');
  const checked = table.texts(skus, table.form('sku', isShort));
  if (!receiptLines)
    return {
      skus: checked,
      qtys: wholes(qtys, 1, 1000 * MAX_QTY, 'qty'),
      prices: wholes(prices, 0, MAX_MONEY, 'price'),
      totals: null,
    };
  const lines: ItemFields = {
    skus: checked,
    qtys: wholes(qtys, -1000 * MAX_QTY, 1000 * MAX_QTY, 'qty'),
    prices: wholesOrNull(prices, -MAX_MONEY, MAX_MONEY, 'price'),
    totals: totals === null ? null : wholesOrNull(totals, -MAX_MONEY, MAX_MONEY, 'item total'),
  };
  for (const [at, price] of lines.prices.entries())
    if (price === null && (lines.totals?.[at] ?? null) === null) refuse('an item has neither price nor total');
  return lines;
}
