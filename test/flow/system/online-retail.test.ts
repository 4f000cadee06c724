/** The replay's reader beside the oracle's, which share no code: every invoice of the nine months. */
import t from 'tap';
import { readTrade } from '../../../scripts/datasets/online-retail/read-transactions.ts';
import { dataFile, missingData } from '../../support/oracle/data-file.ts';
import { readInvoices } from '../../support/oracle/invoices.ts';

t.test('the file is read as its description says', { skip: missingData() }, async (t) => {
  const byRef = new Map(readInvoices(dataFile(), '2000-01-01', '2100-01-01').map((invoice) => [invoice.ref, invoice]));
  const wrong: unknown[] = [];
  let count = 0;
  for await (const event of readTrade(dataFile())) {
    count++;
    const invoice = byRef.get(event.ref);
    const items = invoice?.items.map(({ sku, quantity, price }) => [sku, Number(quantity), Number(price)]);
    const same =
      invoice?.kind === event.type &&
      invoice.at === Date.parse(event.ts) &&
      Number(invoice.pence) === event.amount &&
      invoice.store === event.dims.store &&
      invoice.customer === (event.dims.customer ?? null) &&
      JSON.stringify(items) === JSON.stringify(event.items?.map(({ sku, qty, price }) => [sku, qty, price]));
    if (!same) wrong.push({ event, invoice });
  }
  t.equal(count, 16_459);
  t.equal(byRef.size, count);
  t.strictSame(wrong, []);
});
