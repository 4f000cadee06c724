/** The replay's reader beside the oracle's, which share no code: every invoice of the files. */
import t, { type Test } from 'tap';
import { ADJUSTMENTS, TWO_WEEKS } from '../../../scripts/datasets/online-retail/extracts.ts';
import { readTrade } from '../../../scripts/datasets/online-retail/read-transactions.ts';
import { givenDataFile } from '../../support/oracle/data-file.ts';
import { readInvoices } from '../../support/oracle/invoices.ts';

t.test('the two weeks are read as their description says', (t) => readAlike(t, TWO_WEEKS, 1_033));

t.test('a day with bad-debt adjustments is read as its description says', async (t) => {
  await readAlike(t, ADJUSTMENTS, 61);
  const types = (await Array.fromAsync(readTrade(ADJUSTMENTS))).map(({ type }) => type);
  t.equal(types.filter((type) => type === 'adjustment').length, 3);
});

const given = givenDataFile();
if (given !== null) {
  t.test('the nine months are read as their description says', (t) => readAlike(t, given, 16_459));
}

async function readAlike(t: Test, file: string, invoices: number): Promise<void> {
  const byRef = new Map(readInvoices(file, '2000-01-01', '2100-01-01').map((invoice) => [invoice.ref, invoice]));
  const wrong: unknown[] = [];
  let count = 0;
  for await (const event of readTrade(file)) {
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
  t.equal(count, invoices);
  t.equal(byRef.size, count);
  t.strictSame(wrong, []);
}
