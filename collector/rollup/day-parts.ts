/**
 * A day's partial aggregates: those of its hours side by side, terminal by terminal. A giant
 * merchant has thousands of terminals, so their hours are read and merged in groups.
 */
import type { TerminalId } from '../../shared/ids.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { readFigures, tallyOf } from '../aggregation/cell-entries.ts';
import { encodePartial } from '../aggregation/codec.ts';
import { AGGREGATION_LIMITS } from '../aggregation/limits.ts';
import { emptyPartial, mergeTally, partialBytes } from '../aggregation/partial.ts';
import type { Rollup } from '../store/rollups/rollup.ts';
import { type Run, readCell, UnreadableCell } from './run.ts';

/** Terminals whose hours are read together: 24 cells each, some MiB. */
export const TERMINALS_AT_ONCE = 256;

interface HourPart {
  readonly hour: number;
  readonly cell: Uint8Array;
}

export class DayParts {
  readonly #run: Run;
  readonly #current: Rollup | null;
  /** Of terminals that are collected, not made yet. */
  readonly #hours = new Map<TerminalId, HourPart[]>();
  readonly #closed = new Set<number>();
  readonly #cells = new Map<TerminalId, Uint8Array>();
  #isLeftOut = false;
  #isEmpty = true;

  /** @param current the day's row as it is published */
  constructor(run: Run, current: Rollup | null) {
    this.#run = run;
    this.#current = current;
  }

  /** What was made, encoded. */
  get cells(): ReadonlyMap<TerminalId, Uint8Array> {
    return this.#cells;
  }

  /** Whether one takes too much to be in the row. */
  get isLeftOut(): boolean {
    return this.#isLeftOut;
  }

  /** Whether no hour had any. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Takes what an hour's row has, to be made into those of the day. */
  collect(row: Rollup): void {
    const { stores, now } = this.#run;
    if (stores.sealed.isClosed(row, now())) this.#closed.add(row.time);
    for (const [terminal, cell] of row.parts) {
      const hours = this.#hours.get(terminal);
      if (hours === undefined) this.#hours.set(terminal, [{ hour: row.time, cell }]);
      else hours.push({ hour: row.time, cell });
    }
  }

  /**
   * Reads the hours of these terminals, and makes their partial aggregates.
   *
   * @throws UnreadableCell
   */
  async read(terminals: readonly TerminalId[]): Promise<void> {
    const { due, logic, stores } = this.#run;
    const from = due.time * 24;
    for (let at = 0; at < terminals.length; at += TERMINALS_AT_ONCE) {
      const cells = { kind: 'parts', terminals: terminals.slice(at, at + TERMINALS_AT_ONCE) } as const;
      for await (const row of stores.rollups.scan(due.merchant, 'hour', logic.version, from, from + 24, cells))
        this.collect(row);
      await this.make();
    }
  }

  /**
   * Makes those of the day out of what was collected.
   *
   * @throws UnreadableCell
   */
  async make(): Promise<void> {
    for (const [terminal, hours] of this.#hours) {
      this.#isEmpty = false;
      const part = await this.#merged(hours);
      if (part === null) this.#isLeftOut = true;
      // A cell of a closed hour cannot be made again: the day has it, if it was published before.
      else if (!(part.lacks && this.#current?.parts.has(terminal))) this.#cells.set(terminal, part.cell);
    }
    this.#hours.clear();
  }

  /** @returns null when it takes too much; `lacks`: a cell of a closed hour cannot be read */
  async #merged(hours: readonly HourPart[]): Promise<{ readonly cell: Uint8Array; readonly lacks: boolean } | null> {
    const { due, logic, attempt, slices, repaired, mergeBytes } = this.#run;
    const part = emptyPartial(logic);
    let lacks = false;
    for (const { hour, cell } of hours) {
      const before = partialBytes(part);
      try {
        const tally = await readCell(this.#run, hour, cell, function* (content) {
          yield* readFigures(content, 'part', hour * SLOTS_PER_HOUR, part.figures);
          return tallyOf(content);
        });
        mergeTally(part.tally, tally);
      } catch (error) {
        // Computed anew, it is as it was: its raw rows have expired.
        if (!(error instanceof UnreadableCell && repaired.has(hour))) throw error;
        lacks ||= this.#closed.has(hour);
      }
      await attempt.spend(partialBytes(part) - before);
      if (partialBytes(part) > mergeBytes) return null;
    }
    const cell = await slices.run(encodePartial(part, due.time * SLOTS_PER_DAY));
    return cell.length > AGGREGATION_LIMITS.cellBytes.value ? null : { cell, lacks };
  }
}
