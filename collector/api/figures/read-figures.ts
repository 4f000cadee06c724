/**
 * Reads the figures of a time range: from day rows where the day is rolled up, else from hour rows,
 * else from the raw log.
 *
 * A closed hour with a rollup is served from that rollup even while a due mark for it is pending,
 * so figures never dip at the top of an hour. An hour without a rollup (open, or closed a moment
 * ago) is folded from the raw log. Figures do not dip either when a rollup row takes over, because
 * a row is complete from its first publication on (`collector/rollup/recompute.ts`).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MerchantId } from '../../../shared/ids.ts';
import { dayOfHour, hourOf, type Range, SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { decodeArticles, decodePartialFigures, decodeView, type SketchSelection } from '../../aggregation/codec.ts';
import type { Cube } from '../../aggregation/cube.ts';
import type { Logic } from '../../aggregation/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import { ARTICLES_VIEW } from '../../aggregation/views.ts';
import type { EventLog } from '../../store/event-log.ts';
import { type Cells, isWhole, type Rollup, type Rollups } from '../../store/rollups.ts';
import type { LiveHours, LivePartial } from './live-hours.ts';

export interface FiguresStores {
  readonly log: EventLog;
  readonly rollups: Rollups;
  readonly live: LiveHours;
  readonly logic: Logic;
}

/** What to read of a row, and how to get it out of a rollup or of freshly folded parts. */
interface Reading<T> {
  readonly cells: Cells;
  ofRollup(row: Rollup, base: number): Iterable<T>;
  ofParts(parts: readonly LivePartial[]): Iterable<T>;
}

/** A cube with the terminal whose it is; null: of all terminals. */
export interface TerminalFigures {
  readonly terminal: string | null;
  readonly figures: Cube<Measures>;
}

/** Figures of one view, or of each terminal when `view` is null. */
export const figures = (
  stores: FiguresStores,
  merchant: MerchantId,
  range: Range,
  now: number,
  view: string | null,
  wanted: SketchSelection,
): AsyncIterable<TerminalFigures> => {
  const ofParts = (parts: readonly LivePartial[]): TerminalFigures[] =>
    parts.map(({ partial, terminal }) => ({ terminal, figures: partial.figures }));
  return read(
    stores,
    merchant,
    range,
    now,
    view === null
      ? {
          cells: { kind: 'parts' },
          ofRollup: function* ({ parts }, base) {
            for (const [terminal, bytes] of parts)
              yield { terminal, figures: decodePartialFigures(bytes, base, wanted) };
          },
          ofParts,
        }
      : {
          cells: { kind: 'view', name: view },
          ofRollup: function* ({ views }, base) {
            for (const bytes of views.values()) yield { terminal: null, figures: decodeView(bytes, base, wanted) };
          },
          ofParts,
        },
  );
};

export const articles = (
  stores: FiguresStores,
  merchant: MerchantId,
  range: Range,
  now: number,
): AsyncIterable<Cube<ItemMeasures>> =>
  read(stores, merchant, range, now, {
    cells: { kind: 'view', name: ARTICLES_VIEW },
    ofRollup: (row, base) => [...row.views.values()].map((bytes) => decodeArticles(bytes, base)),
    ofParts: (parts) => parts.map(({ partial }) => partial.articles),
  });

/**
 * What is yielded is to be used before the next one is asked for. Other work gets its turn between
 * two of them.
 */
async function* read<T>(
  stores: FiguresStores,
  merchant: MerchantId,
  range: Range,
  now: number,
  reading: Reading<T>,
): AsyncIterable<T> {
  for await (const one of readDays(stores, merchant, range, now, reading)) {
    yield one;
    await nextTurn();
  }
}

async function* readDays<T>(
  stores: FiguresStores,
  merchant: MerchantId,
  range: Range,
  now: number,
  reading: Reading<T>,
): AsyncIterable<T> {
  const fromHour = hourOf(range.from);
  const toHour = hourOf(range.to - 1) + 1;
  let hour = fromHour;
  const days = { from: dayOfHour(fromHour), to: dayOfHour(toHour - 1) + 1 };
  for await (const day of stores.rollups.scan(
    merchant,
    'day',
    stores.logic.version,
    days.from,
    days.to,
    reading.cells,
  )) {
    if (!isWhole(day, now)) continue;
    yield* readHours(stores, merchant, hour, day.time * 24, now, reading);
    yield* reading.ofRollup(day, day.time * SLOTS_PER_DAY);
    hour = (day.time + 1) * 24;
  }
  yield* readHours(stores, merchant, hour, toHour, now, reading);
}

async function* readHours<T>(
  stores: FiguresStores,
  merchant: MerchantId,
  from: number,
  to: number,
  now: number,
  reading: Reading<T>,
): AsyncIterable<T> {
  if (from >= to) return;
  let hour = from;
  for await (const row of stores.rollups.scan(merchant, 'hour', stores.logic.version, from, to, reading.cells)) {
    // Of an event stamped ahead of time; once its hour has begun, the raw log knows more.
    if (row.time <= hourOf(now) && !isWhole(row, now)) continue;
    yield* readRaw(stores, merchant, hour, row.time, reading);
    yield* reading.ofRollup(row, row.time * SLOTS_PER_HOUR);
    hour = row.time + 1;
  }
  yield* readRaw(stores, merchant, hour, to, reading);
}

async function* readRaw<T>(
  stores: FiguresStores,
  merchant: MerchantId,
  from: number,
  to: number,
  reading: Reading<T>,
): AsyncIterable<T> {
  for await (const hour of stores.log.hours(merchant, from, to))
    yield* reading.ofParts(await stores.live.partials(merchant, hour));
}
