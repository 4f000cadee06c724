/** The invoices of the file as the data set's description reads them, with integers alone. */
import { readCsv } from './csv.ts';
import { londonInstant } from './zones.ts';

export interface Invoice {
  readonly ref: string;
  readonly kind: 'sale' | 'refund' | 'adjustment';
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly store: string;
  readonly customer: string | null;
  readonly pence: bigint;
  readonly items: readonly { readonly sku: string; readonly quantity: bigint; readonly price: bigint }[];
}

/** Half away from zero: tenths of a penny (prices have three decimals at most) to pence. */
function fromTenths(tenths: bigint): bigint {
  return tenths < 0n ? -fromTenths(-tenths) : (tenths + 5n) / 10n;
}

/** `2.55` pounds as tenths of a penny. */
function tenthsOf(price: string): bigint {
  const [pounds, decimals = ''] = price.split('.');
  if (decimals.length > 3) throw new Error(`${price} has more than three decimals`);
  const size = BigInt(pounds!.replace('-', '')) * 1000n + BigInt(decimals.padEnd(3, '0'));
  return price.startsWith('-') ? -size : size;
}

const size = (value: bigint): bigint => (value < 0n ? -value : value);

/** @param from, to local dates in London; `to` exclusive */
export function readInvoices(file: string, from: string, to: string): Invoice[] {
  const byNumber = Map.groupBy(readCsv(file), (line) => line.InvoiceNo!);
  const invoices: Invoice[] = [];
  for (const [ref, lines] of byNumber) {
    const earliest = lines.map((line) => line.InvoiceDate!).sort()[0]!;
    if (earliest < from || earliest >= to) continue;
    const sum = lines.reduce(
      (pence, line) => pence + fromTenths(BigInt(line.Quantity!) * tenthsOf(line.UnitPrice!)),
      0n,
    );
    const customer = lines[0]!.CustomerID!;
    invoices.push({
      ref,
      kind: ref[0] === 'C' ? 'refund' : ref[0] === 'A' ? 'adjustment' : 'sale',
      at: londonInstant(earliest),
      store: lines[0]!.Country!.toLowerCase().split(' ').join('-'),
      customer: customer === '' ? null : customer.split('.')[0]!,
      pence: ref[0] === 'C' || ref[0] === 'A' ? size(sum) : sum,
      items: lines
        .filter((line) => line.Quantity !== '0')
        .map((line) => ({
          sku: line.StockCode!,
          quantity: size(BigInt(line.Quantity!)),
          // What a till can send: whole pence.
          price: size(fromTenths(tenthsOf(line.UnitPrice!))),
        })),
    });
  }
  return invoices;
}
