/** Carves the rows of the guarded tables out of pages. */
import type { Buffer } from 'node:buffer';
import { type Cell, leafCells, MAX_COLUMNS, strayCells } from './btree-leaf.ts';
import { type CarvedRow, RowReader } from './carved-row.ts';
import type { PagePosition, Pages } from './pages.ts';
import { readHeader, readValues, type Value } from './record.ts';

export interface Carved {
  readonly rows: readonly CarvedRow[];
  /** Whether the page lists a row that does not hold what was written. */
  readonly damaged: boolean;
}

export class Carver {
  readonly #pages: Pages;
  readonly #rows = new RowReader();

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** The rows that the page lists. */
  page(place: PagePosition): Carved {
    const page = this.#pages.bytes(place);
    const cells = leafCells(page, this.#pages.isFirst(place, page));
    const rows: CarvedRow[] = [];
    let damaged = false;
    for (const cell of cells) {
      const reading = this.#read(page, cell);
      if (reading === 'damaged') damaged = true;
      else if (reading !== 'foreign') rows.push(reading);
    }
    return { rows, damaged };
  }

  /** All undamaged rows anywhere in the page, also those that it does not list. */
  strays(place: PagePosition): CarvedRow[] {
    const page = this.#pages.bytes(place);
    const rows: CarvedRow[] = [];
    for (const cell of strayCells(page)) {
      const reading = this.#read(page, cell);
      if (reading !== 'damaged' && reading !== 'foreign') rows.push(reading);
    }
    return rows;
  }

  #read(page: Buffer, cell: Cell): CarvedRow | 'foreign' | 'damaged' {
    for (const payload of this.#pages.payloads(page, cell)) {
      const values = valuesOf(payload);
      const reading = values === null ? 'damaged' : this.#rows.read(values);
      if (reading !== 'damaged') return reading;
    }
    return 'damaged';
  }
}

function valuesOf(payload: Buffer): Value[] | null {
  const header = readHeader(payload, 0, MAX_COLUMNS);
  return header === null || header.payloadBytes !== payload.length ? null : readValues(payload, header);
}
