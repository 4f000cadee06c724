/** Published rows: read by hour and day, and replaced one revision after another. */
import { Buffer } from 'node:buffer';
import type { MerchantId, TerminalId } from '../../../shared/ids.ts';
import { type Level, parseRollupKey, prefixEnd, rollupKey, terminalsPrefix } from '../../../shared/keys.ts';
import type { Row, Tables } from '../tables.ts';
import type { Cells, PublishedCells, Rollup, RollupKey } from './rollup.ts';
import {
  cellsOf,
  columnsOf,
  partCells,
  piecesOf,
  REVISION,
  revisionBytes,
  rollup,
  terminalsOf,
} from './rollup-cells.ts';

/** A usual view of a day, some 2 KiB, and room for one with many groups. */
const SMALL_VIEW_BYTES = 8 * 1024;

/** Of a column in a reply, with the row's key. */
const NAME_BYTES = 80;

export class Rollups {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The row; with all its partial aggregates, without views, unless `cells` says otherwise. */
  async read(key: RollupKey, cells: Cells = { kind: 'parts' }): Promise<Rollup | null> {
    const [found] = await this.readAll([key], cells);
    return found ?? null;
  }

  /** The rows in the same order; a missing row is null. */
  async readAll(keys: readonly RollupKey[], cells: Cells): Promise<(Rollup | null)[]> {
    const rows = keys.map(({ merchant, level, logic, time }) => rollupKey(merchant, level, logic, time));
    const found = await this.#tables.get('rollups', rows, columnsOf(cells));
    return found.map((row) => (row === null ? null : rollup(row.row, row.cells, cells)));
  }

  /** Rows of a half-open range of hours or days, in order of time. */
  async *scan(
    merchant: MerchantId,
    level: Level,
    logic: number,
    from: number,
    to: number,
    cells: Cells,
    limit = Number.POSITIVE_INFINITY,
  ): AsyncIterable<Rollup> {
    if (from >= to) return;
    const range = { start: rollupKey(merchant, level, logic, from), stop: rollupKey(merchant, level, logic, to) };
    const columns = columnsOf(cells);
    // A row that was never published does not count, and has partial aggregates only.
    for (let left = limit; left > 0; ) {
      const asked = left;
      let rows = 0;
      for await (const row of this.#tables.scan('rollups', { ...range, columns, limit: asked })) {
        rows++;
        range.start = keyAfter(row.row);
        for (const found of published(row, cells)) {
          left--;
          yield found;
        }
      }
      if (rows < asked) return;
    }
  }

  /** Rows of a half-open range of hours, then those of one of days, in order of time: one scan. */
  async *scanDays(
    merchant: MerchantId,
    logic: number,
    days: { readonly from: number; readonly to: number },
    hours: { readonly from: number; readonly to: number },
    cells: Cells,
  ): AsyncIterable<Rollup> {
    const part = (level: Level, { from, to }: { readonly from: number; readonly to: number }) => ({
      start: rollupKey(merchant, level, logic, from),
      stop: rollupKey(merchant, level, logic, to),
    });
    const within = [part('hour', hours), part('day', days)];
    const range = { start: within[0]!.start, stop: within[1]!.stop, within, columns: columnsOf(cells) };
    // A month by the day, with a day's hours.
    const small = cells.kind === 'view' && cells.name !== 'articles' ? { rowBytes: SMALL_VIEW_BYTES } : {};
    for await (const row of this.#tables.scan('rollups', { ...range, ...small })) yield* published(row, cells);
  }

  /**
   * Terminals with a partial aggregate in any row of a half-open range of hours or days, sorted.
   *
   * @param most in one row, about
   */
  async terminals(
    merchant: MerchantId,
    level: Level,
    logic: number,
    from: number,
    to: number,
    most: number,
  ): Promise<TerminalId[]> {
    const range = { start: rollupKey(merchant, level, logic, from), stop: rollupKey(merchant, level, logic, to) };
    const what = { columns: columnsOf({ kind: 'parts' }), keysOnly: true, rowBytes: most * NAME_BYTES };
    const found = new Set<TerminalId>();
    for await (const { cells } of this.#tables.scan('rollups', { ...range, ...what }))
      if (cells.has(REVISION)) for (const terminal of terminalsOf(cells)) found.add(terminal);
    return [...found].sort();
  }

  /**
   * Merchants with any row, in the order of their keys: one key read a merchant.
   *
   * @param salts half-open; with `after` only those behind that one
   */
  async *merchants(salts: readonly [number, number] = [0, 256], after: MerchantId | null = null) {
    const stop = salts[1] > 0xff ? Buffer.of(0xff, 0xff) : Buffer.of(salts[1]);
    for (let start = after === null ? Buffer.of(salts[0]) : prefixEnd(terminalsPrefix(after)); ; ) {
      const range = { start, stop, keysOnly: true, limit: 1 };
      const [first] = await Array.fromAsync(this.#tables.scan('rollups', range));
      if (first === undefined) return;
      const { merchant } = parseRollupKey(first.row);
      yield merchant;
      start = prefixEnd(terminalsPrefix(merchant));
    }
  }

  /**
   * Publishes the next revision if `expected` is still the last one (null: there is none). Partial
   * aggregates that are not given stay.
   *
   * More than a call should have is put before the row is published, piece by piece, each while
   * `expected` is the last revision. Until then the row says what it said, but for partial
   * aggregates that answers by terminal may show early. If the process ends meanwhile, the due
   * marks are there still, and the next run finds such a partial aggregate as new as its own: it
   * merges all of them.
   *
   * @returns false when another run was faster: read again, fold again
   */
  async publish(key: RollupKey, expected: number | null, next: PublishedCells): Promise<boolean> {
    const row = rollupKey(key.merchant, key.level, key.logic, key.time);
    const check = { column: REVISION, expected: expected === null ? null : revisionBytes(expected) };
    const pieces = piecesOf(next.parts);
    const last = pieces.pop()!;
    for (const parts of pieces)
      if (!(await this.#tables.checkAndPut('rollups', check, { row, cells: partCells(parts) }))) return false;
    const cells = cellsOf({ ...next, parts: last, revision: (expected ?? 0) + 1 });
    return this.#tables.checkAndPut('rollups', check, { row, cells });
  }
}

/** The smallest key greater than this one. */
const keyAfter = (key: Uint8Array): Buffer => Buffer.concat([key, Buffer.of(0)]);

function* published({ row, cells }: Row, wanted: Cells): Iterable<Rollup> {
  const found = rollup(row, cells, wanted);
  if (found !== null) yield found;
}
