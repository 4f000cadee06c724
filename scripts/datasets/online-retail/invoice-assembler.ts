/** Assembles invoices from the lines of the file. */
import { Invoice, type Line } from './invoice.ts';

/**
 * An invoice is complete once the file is this much later than its last line. In the data set,
 * lines of an invoice are at most one minute apart.
 */
const COMPLETE_AFTER_MS = 10 * 60_000;
/** How many numbers of complete invoices are remembered, to detect a line that comes too late. */
const REMEMBERED = 100_000;

/** Milliseconds. Only differences count here, so the local time is read as UTC. */
const millisecondsOf = (line: string): number => Date.parse(`${line.replace(' ', 'T')}Z`);

/** Holds the open invoices, whose lines are still coming, in order of their first lines. */
export class InvoiceAssembler {
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
      throw new RangeError(`invoice ${line.InvoiceNo} goes on after more than ${COMPLETE_AFTER_MS / 60_000} minutes`);
    const open = this.#open.get(line.InvoiceNo);
    if (open === undefined) this.#open.set(line.InvoiceNo, new Invoice(line));
    else open.add(line);
    return this.#takeComplete(millisecondsOf(line.InvoiceDate));
  }

  rest(): Iterable<Invoice> {
    return this.#open.values();
  }

  #takeComplete(now: number): Invoice[] {
    const complete: Invoice[] = [];
    for (const invoice of this.#open.values()) {
      if (millisecondsOf(invoice.latest) + COMPLETE_AFTER_MS > now) break;
      complete.push(invoice);
    }
    for (const { number } of complete) {
      this.#open.delete(number);
      this.#complete.add(number);
      if (this.#complete.size <= REMEMBERED) continue;
      for (const first of this.#complete) {
        this.#complete.delete(first);
        break;
      }
    }
    return complete;
  }
}
