/** Published rows as they were at an earlier moment, to be read in place of the current ones. */
import type { TerminalId } from '../../../shared/ids.ts';
import { type Rollup, readAfterEnd, sinceOf } from '../rollups/rollup.ts';
import type { Rollups } from '../rollups/rollups.ts';
import type { History, KeptRow } from './history.ts';

export class RollupsAsOf {
  readonly #rollups: Pick<Rollups, 'scan'>;
  readonly #history: Pick<History, 'scan'>;
  readonly #asOf: number;

  /** @param asOf milliseconds since 1970 */
  constructor(rollups: Pick<Rollups, 'scan'>, history: Pick<History, 'scan'>, asOf: number) {
    this.#rollups = rollups;
    this.#history = history;
    this.#asOf = asOf;
  }

  /** The rows that had been published and that answers used then, in order of time. */
  async *scan(...range: Parameters<Rollups['scan']>): AsyncIterable<Rollup> {
    const [merchant, level, logic, from, to, cells, limit = Number.POSITIVE_INFINITY] = range;
    let found = 0;
    for await (const row of this.#rollups.scan(merchant, level, logic, from, to, cells)) {
      // Read after the row: what this one replaced is there.
      const kept = this.#isShown(row)
        ? []
        : await Array.fromAsync(this.#history.scan(merchant, level, logic, row.time, row.time + 1, cells));
      const shown = this.#before(row, kept);
      if (shown === null) continue;
      yield shown;
      if (++found >= limit) return;
    }
  }

  async *scanDays(...[merchant, logic, days, hours, cells]: Parameters<Rollups['scanDays']>): AsyncIterable<Rollup> {
    yield* this.scan(merchant, 'hour', logic, hours.from, hours.to, cells);
    yield* this.scan(merchant, 'day', logic, days.from, days.to, cells);
  }

  #isShown(row: Rollup): boolean {
    return sinceOf(row.meta) <= this.#asOf && readAfterEnd(row);
  }

  #before(row: Rollup, kept: readonly KeptRow[]): Rollup | null {
    let found = row;
    for (const before of kept.filter(({ revision }) => revision < row.revision).toReversed()) {
      if (this.#isShown(found) || before.row === null) break;
      found = { ...before.row, parts: partsBefore(found, before.row) };
    }
    return this.#isShown(found) ? found : null;
  }
}

/** All partial aggregates of a row of which those are kept that were replaced. */
function partsBefore({ parts, meta }: Rollup, before: Rollup): Map<TerminalId, Uint8Array> {
  const all = new Map(parts);
  for (const terminal of meta.change?.added ?? []) all.delete(terminal);
  for (const [terminal, cell] of before.parts) all.set(terminal, cell);
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}
