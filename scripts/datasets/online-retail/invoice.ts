/** An invoice made of lines of the file, and its event. */
import type { TillEvent, TillItem } from '../../clients/till-event.ts';
import { londonTime } from './london-time.ts';
import { pence, wholeNumber } from './pence.ts';

/** A line of the file; the keys are its header. */
export interface Line {
  readonly InvoiceNo: string;
  readonly StockCode: string;
  readonly Quantity: string;
  /** Local time in Europe/London. */
  readonly InvoiceDate: string;
  /** Pounds, up to three decimals. */
  readonly UnitPrice: string;
  /** Such as `17850.0`, or empty. */
  readonly CustomerID: string;
  readonly Country: string;
}

/** The contract's bound of an event. No invoice of the data set comes near. */
const MAX_ITEMS = 2_000;

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

function typeOf(invoiceNo: string): 'sale' | 'refund' | 'adjustment' {
  if (invoiceNo.startsWith('C')) return 'refund';
  return invoiceNo.startsWith('A') ? 'adjustment' : 'sale';
}

const slug = (country: string): string =>
  country
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');

export class Invoice {
  readonly number: string;
  readonly #customer: string;
  readonly #country: string;
  readonly #items: TillItem[] = [];
  #pence = 0n;
  /** Local times of the file sort as text. */
  #earliest: string;
  #latest: string;

  constructor(first: Line) {
    this.number = first.InvoiceNo;
    this.#customer = first.CustomerID;
    this.#country = first.Country;
    this.#earliest = first.InvoiceDate;
    this.#latest = first.InvoiceDate;
    this.add(first);
  }

  get earliest(): string {
    return this.#earliest;
  }

  get latest(): string {
    return this.#latest;
  }

  /** @throws TypeError on a malformed number */
  add(line: Line): void {
    const quantity = wholeNumber(line.Quantity);
    this.#pence += pence(quantity, line.UnitPrice);
    if (line.InvoiceDate < this.#earliest) this.#earliest = line.InvoiceDate;
    if (line.InvoiceDate > this.#latest) this.#latest = line.InvoiceDate;
    if (quantity === 0n) return;
    this.#items.push({
      sku: line.StockCode,
      qty: Number(absolute(quantity)),
      // The contract has whole pence: a unit price of a tenth of a penny becomes 0. The amount
      // above is computed from the line's exact value.
      price: Number(absolute(pence(1n, line.UnitPrice))),
    });
  }

  /**
   * @throws RangeError when an event cannot express the invoice: no replay is better than one that
   *   silently leaves something out
   */
  event(): TillEvent {
    const type = typeOf(this.number);
    if (this.#items.length > MAX_ITEMS)
      throw new RangeError(`invoice ${this.number} has ${this.#items.length} items; an event holds ${MAX_ITEMS}`);
    if (type === 'sale' && this.#pence < 0n)
      throw new RangeError(`invoice ${this.number} is a sale of less than nothing (${this.#pence} pence)`);
    const customer = this.#customer.replace(/\.0$/, '');
    return {
      type,
      ts: londonTime(this.#earliest),
      amount: Number(absolute(this.#pence)),
      currency: 'GBP',
      ref: this.number,
      dims: { store: slug(this.#country), ...(customer === '' ? {} : { customer }) },
      items: this.#items,
    };
  }
}
