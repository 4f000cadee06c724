/** RFC 4180, read at one go: the oracle's own reader, so that a fault of the product's cannot hide behind it. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export type CsvLine = Readonly<{ [column: string]: string }>;

const QUOTE = '"';

export function readCsv(file: string): CsvLine[] {
  const text = gunzipSync(readFileSync(file))
    .toString('utf8')
    .replace(/^\ufeff/, '');
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === QUOTE) {
      const parts: string[] = [];
      for (;;) {
        const end = text.indexOf(QUOTE, at + 1);
        if (end < 0) throw new Error(`${file}: a quoted cell has no end`);
        parts.push(text.slice(at + 1, end));
        at = end + 1;
        if (text[at] !== QUOTE) break;
      }
      cell = parts.join(QUOTE);
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++;
      cell = text.slice(at, end);
      at = end;
    }
    row.push(cell);
    if (text[at] === ',') {
      at++;
      continue;
    }
    if (text[at] === '\r') at++;
    if (at < text.length && text[at] !== '\n') throw new Error(`${file}: text after a quoted cell at ${at}`);
    at++;
    rows.push(row);
    row = [];
  }
  const [header, ...body] = rows;
  return body.map((cells, index) => {
    if (cells.length !== header!.length) throw new Error(`${file}: row ${index + 2} has ${cells.length} cells`);
    return Object.fromEntries(cells.map((cell, column) => [header![column]!, cell]));
  });
}
