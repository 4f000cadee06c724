/**
 * Rows of closed hours and days that were published and replaced: what an answer as of an earlier
 * moment reads, and where figures changed.
 *
 * A kept row holds cells as they were in its revision, so that whoever keeps it, and how often,
 * writes the same. Kept before the compare-and-set that replaces it; one of the current revision,
 * or a later one, was not replaced after all and means nothing. Of the partial aggregates it has
 * only those that were replaced: the others are in a later kept row, or in the current one. What
 * changed is in the meta of the row that came after it (`FiguresChange`).
 */
import { Buffer } from 'node:buffer';
import type { MerchantId } from '../../../shared/ids.ts';
import { historyKey, type Level, parseHistoryKey, parseRollupKey, rollupKey } from '../../../shared/keys.ts';
import type { Cells, Rollup, RollupKey } from '../rollups/rollup.ts';
import { cellsOf, columnsOf, partCells, piecesOf, rollup } from '../rollups/rollup-cells.ts';
import type { Column, Tables } from '../tables.ts';

const FINAL: Column = 'm:final';
/** Of a place where nothing was published: the row's only cell. */
const NONE: Column = 'm:none';
const YES = Buffer.of(1);

/** A row that was replaced. */
export interface KeptRow extends RollupKey {
  readonly revision: number;
  /** Whether it was found to be final after it had been replaced. */
  readonly wasFinal: boolean;
  /** Null: there was no row, the figures were zero. */
  readonly row: Rollup | null;
}

const rowKeyOf = ({ merchant, level, logic, time }: RollupKey, revision: number): Buffer =>
  historyKey(rollupKey(merchant, level, logic, time), revision);

export class History {
  readonly #tables: Tables;
  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Durable when it resolves; until then there is no such row. */
  async keep(row: Rollup): Promise<void> {
    const key = rowKeyOf(row, row.revision);
    const pieces = piecesOf(row.parts);
    const last = pieces.pop()!;
    for (const parts of pieces) await this.#tables.put('history', [{ row: key, cells: partCells(parts) }]);
    await this.#tables.put('history', [{ row: key, cells: cellsOf({ ...row, parts: last }) }]);
  }

  /** Keeps that there was no row whose figures answers showed; `revision` is 0, or that of one. */
  keepNone(key: RollupKey, revision: number): Promise<void> {
    return this.#tables.put('history', [{ row: rowKeyOf(key, revision), cells: new Map([[NONE, YES]]) }]);
  }

  /** Tells that a row that was replaced had become final. */
  setFinal(key: RollupKey, revision: number): Promise<void> {
    return this.#tables.put('history', [{ row: rowKeyOf(key, revision), cells: new Map([[FINAL, YES]]) }]);
  }

  /** Kept rows of a half-open range of hours or days, by time and revision. */
  async *scan(
    merchant: MerchantId,
    level: Level,
    logic: number,
    from: number,
    to: number,
    cells: Cells,
  ): AsyncIterable<KeptRow> {
    const at = (time: number): Buffer => rowKeyOf({ merchant, level, logic, time }, 0);
    const range = { start: at(from), stop: at(to), columns: [...columnsOf(cells), FINAL, NONE] };
    for await (const { row, cells: found } of this.#tables.scan('history', range)) {
      const key = parseHistoryKey(row);
      const wasFinal = found.has(FINAL);
      const kept = rollup(key.rollup, found, cells);
      if (kept === null && !found.has(NONE)) continue;
      yield { ...parseRollupKey(key.rollup), revision: key.revision, wasFinal, row: kept };
    }
  }
}
