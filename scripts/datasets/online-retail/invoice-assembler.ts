import { Invoice, type Line } from './invoice.ts';

/** An invoice is complete once the file is so much later than its last line. In the data set lines stand at most one minute apart. */
const SETTLED_MS = 10 * 60_000;
/** Numbers of complete invoices remembered, to notice a line that comes too late. */
const REMEMBERED = 100_000;

/** Only differences count here, so UTC stands in for local time. */
const clockOf = (line: string): number => Date.parse(`${line.replace(' ', 'T')}Z`);

/** Invoices whose lines are still coming, in order of their first lines. */
export class Gathering {
  readonly #open = new Map<string, Invoice>();
  readonly #complete = new Set<string>();

  /** Local date of the oldest open invoice; empty when none is open. */
  get oldest(): string {
    for (const invoice of this.#open.values()) return invoice.earliest.slice(0, 10);
    return '';
  }

  /** @returns the invoices that are complete now */
  add(line: Line): Invoice[] {
    if (this.#complete.has(line.InvoiceNo))
      throw new RangeError(`invoice ${line.InvoiceNo} goes on after more than ${SETTLED_MS / 60_000} minutes`);
    const open = this.#open.get(line.InvoiceNo);
    if (open === undefined) this.#open.set(line.InvoiceNo, new Invoice(line));
    else open.add(line);
    return this.#settled(clockOf(line.InvoiceDate));
  }

  rest(): Iterable<Invoice> {
    return this.#open.values();
  }

  #settled(now: number): Invoice[] {
    const settled: Invoice[] = [];
    for (const invoice of this.#open.values()) {
      if (clockOf(invoice.latest) + SETTLED_MS > now) break;
      settled.push(invoice);
    }
    for (const { number } of settled) {
      this.#open.delete(number);
      this.#complete.add(number);
      if (this.#complete.size <= REMEMBERED) continue;
      for (const first of this.#complete) {
        this.#complete.delete(first);
        break;
      }
    }
    return settled;
  }
}
