/** Decodes the columns of the items, checked against the bounds of an item. */
import { MAX_MONEY, MAX_QTY } from '../event/schema.ts';
import { ITEM_AMOUNTS } from './column-encoder.ts';
import { type BodyReader, refuse } from './column-reader.ts';
import { type ItemFields, NO_NUMBER } from './event-columns.ts';
import { shortText, type TextTable } from './text-table.ts';

const floats = (length: number): Float64Array => new Float64Array(length);

interface ItemsToRead {
  /** Of the whole body. */
  readonly columns: number;
  /** See `BatchHeader`; without it nothing is known of column 17. */
  readonly receiptLines: boolean;
  /** Throws when so many are too many. */
  readonly bound: (items: number) => void;
}

/** @param reader at the column of the skus */
export function itemColumns(
  reader: BodyReader,
  table: TextTable,
  { columns, receiptLines, bound }: ItemsToRead,
): ItemFields {
  const [least, none] = receiptLines ? [-MAX_MONEY, NO_NUMBER] : [0, undefined];
  const indexes = (length: number): Int32Array => {
    bound(length);
    return new Int32Array(length);
  };
  const skus = reader.flat(indexes, { min: 0, max: table.count - 1, what: 'skus' });
  const qtys = reader.flat(floats, { min: receiptLines ? -1000 * MAX_QTY : 1, max: 1000 * MAX_QTY, what: 'qty' });
  const prices = reader.flat(floats, { min: least, max: MAX_MONEY, none, what: 'price' });
  const hasTotals = receiptLines && columns > ITEM_AMOUNTS;
  const totals = hasTotals ? reader.flat(floats, { min: -MAX_MONEY, max: MAX_MONEY, none, what: 'item total' }) : null;
  for (const { length } of [qtys, prices, totals ?? skus])
    if (length !== skus.length) refuse('the columns of the items differ in length');
  table.check(skus, shortText('sku'));
  if (receiptLines)
    for (let at = 0; at < prices.length; at++)
      if (Number.isNaN(prices[at]) && (totals === null || Number.isNaN(totals[at])))
        refuse('an item has neither price nor total');
  return { skus, qtys, prices, totals };
}
