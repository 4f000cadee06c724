/**
 * Reads the Online Retail transactions (CSV, gzipped) as a shop's trade: one invoice is one event.
 *
 * It streams: whatever the file's length, memory holds only the invoices of the last few minutes of
 * the file's own time. The lines of one invoice may lie apart and may have several times, minutes
 * apart; the file as a whole is in order of time.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import type { TillEvent } from '../../clients/till-event.ts';
import type { Invoice, Line } from './invoice.ts';
import { InvoiceAssembler } from './invoice-assembler.ts';

export interface Selection {
  /** Local date in Europe/London, `2011-03-20`, inclusive. */
  readonly from?: string;
  /** Local date in Europe/London, exclusive. */
  readonly to?: string;
}

const COLUMNS: readonly (keyof Line)[] = [
  'InvoiceNo',
  'StockCode',
  'Quantity',
  'InvoiceDate',
  'UnitPrice',
  'CustomerID',
  'Country',
];

/**
 * Events in order of their invoices' first lines.
 *
 * @throws Error that names the line when the file is malformed
 */
export async function* readTrade(file: string, selection: Selection = {}): AsyncGenerator<TillEvent> {
  const { from = '', to = '9999' } = selection;
  // An invoice may begin just before midnight.
  const early = from === '' ? '' : Temporal.PlainDate.from(from).subtract({ days: 1 }).toString();
  const assembler = new InvoiceAssembler();
  let number = 1;
  for await (const line of lines(file)) {
    number++;
    const date = line.InvoiceDate.slice(0, 10);
    if (date < early) continue;
    try {
      for (const invoice of assembler.add(line)) if (selected(invoice, from, to)) yield invoice.event();
    } catch (cause) {
      throw new Error(`${file}: line ${number}: ${(cause as Error).message}`, { cause });
    }
    if (date >= to && assembler.oldest >= to) return;
  }
  if (number === 1) throw new Error(`${file}: holds no lines`);
  for (const invoice of assembler.rest()) if (selected(invoice, from, to)) yield invoice.event();
}

const selected = (invoice: Invoice, from: string, to: string): boolean => {
  const date = invoice.earliest.slice(0, 10);
  return date >= from && date < to;
};

async function* lines(file: string): AsyncGenerator<Line> {
  const records = parse({
    bom: true,
    columns: (header: string[]) => {
      const missing = COLUMNS.filter((column) => !header.includes(column));
      if (missing.length > 0) throw new Error(`has no column ${missing.join(', ')}`);
      return header;
    },
  });
  // An error of the file or of gzip ends the parser with it, and so the loop below.
  pipeline(createReadStream(file), createGunzip(), records, () => {});
  try {
    for await (const record of records) yield record as Line;
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause });
  } finally {
    records.destroy();
  }
}
