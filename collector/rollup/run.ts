/**
 * One run: computes one merchant's hour or day again and publishes it.
 *
 *     hour: read the row (revision and parts) -> fold raw rows -> merge with the other terminals' parts -> compare-and-set
 *     day:  roll up the hours that lack a row -> read the row -> merge the hours' parts -> merge with the others' -> compare-and-set
 *
 * The revision is read before what is folded, so a compare-and-set that succeeds proves that nobody published in between from rows
 * that this run did not see. A lost compare-and-set starts again from the top; it is never success.
 *
 * A published row is whole: the API reads it in place of what it was made of. So the first run after the end of an hour or day takes all
 * terminals, whoever the marks name; those after it take the ones named and keep the other parts.
 */
import type { MerchantId, TerminalId } from '../../shared/ids.ts';
import type { Level } from '../../shared/keys.ts';
import { SLOTS_PER_DAY, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { decodePart, encodeArticles, encodePart, encodeView } from '../logic/codec.ts';
import { digestText } from '../logic/digest.ts';
import { PartFold } from '../logic/fold.ts';
import {
  articlesCube,
  mergeArticles,
  mergePart,
  mergeTally,
  noPart,
  noTally,
  type Part,
  view,
  viewNames,
} from '../logic/part.ts';
import { readRow } from '../logic/raw-row.ts';
import { ARTICLES_VIEW, type Logic } from '../logic/version.ts';
import type { EventLog, RawRow } from '../store/event-log.ts';
import { type Cells, type Rollup, type RollupKey, type Rollups, readAfterEnd } from '../store/rollups.ts';

export interface RunStores {
  readonly log: EventLog;
  readonly rollups: Rollups;
}

export interface Due {
  readonly merchant: MerchantId;
  readonly level: Level;
  /** Hours or days since 1970. */
  readonly time: number;
  readonly terminals: ReadonlySet<TerminalId>;
}

export interface RunOutcome {
  /** When it began to read, milliseconds since 1970: what was stored by then is in. */
  readonly readAt: number;
  /** Compare-and-sets lost on the way. */
  readonly lost: number;
}

/** Null: all of them. */
type Terminals = ReadonlySet<TerminalId> | null;
type Parts = ReadonlyMap<TerminalId, Part>;

/** More contenders than this for one row means that something is wrong with them. */
const MAX_ATTEMPTS = 20;

const slotsOf = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

/** @throws Error when the row could not be published; its marks must stay */
export async function run(due: Due, logic: Logic, stores: RunStores, now: () => number): Promise<RunOutcome> {
  const key: RollupKey = { merchant: due.merchant, level: due.level, logic: logic.version, time: due.time };
  for (let lost = 0; lost < MAX_ATTEMPTS; lost++) {
    const readAt = now();
    const hoursAdded = due.level === 'day' && (await rollUpMissingHours(due, logic, stores, now));
    const current = await stores.rollups.read(key);
    const whole = current !== null && readAfterEnd(current);
    const terminals = whole && !hoursAdded ? due.terminals : null;
    const fresh = await (due.level === 'hour' ? foldHour : mergeDay)(due, terminals, logic, stores);
    // A mark follows its raw row: no row left means that it has expired, and what was published stands.
    if (fresh.size === 0 && (whole || current === null)) return { readAt, lost };
    if (await stores.rollups.publish(key, current?.revision ?? null, rowOf(due, current, fresh, logic, readAt, now())))
      return { readAt, lost };
  }
  throw new Error(`lost ${MAX_ATTEMPTS} compare-and-sets in a row on ${due.merchant} ${due.level} ${due.time}`);
}

async function foldHour(due: Due, terminals: Terminals, logic: Logic, { log }: RunStores): Promise<Parts> {
  const folds = new Map<TerminalId, PartFold>();
  for await (const row of rawRows(due, terminals, log)) {
    const { terminal } = row.key;
    const fold = folds.get(terminal) ?? new PartFold(logic);
    folds.set(terminal, fold);
    fold.add(readRow(row));
  }
  return new Map([...folds].map(([terminal, fold]) => [terminal, fold.part()]));
}

async function* rawRows({ merchant, time }: Due, terminals: Terminals, log: EventLog): AsyncIterable<RawRow> {
  if (terminals === null) yield* log.scan(merchant, time, time + 1);
  else for (const terminal of terminals) yield* log.scanTerminal(merchant, time, terminal);
}

async function mergeDay(due: Due, terminals: Terminals, logic: Logic, { rollups }: RunStores): Promise<Parts> {
  const parts = new Map<TerminalId, Part>();
  const cells: Cells = { kind: 'parts', ...(terminals !== null && { terminals: [...terminals] }) };
  const from = due.time * 24;
  for await (const hour of rollups.scan(due.merchant, 'hour', logic.version, from, from + 24, cells)) {
    for (const [terminal, bytes] of hour.parts) {
      const part = parts.get(terminal) ?? noPart(logic);
      mergePart(part, decodePart(bytes, hour.time * SLOTS_PER_HOUR));
      parts.set(terminal, part);
    }
  }
  return parts;
}

/** Hours of a day whose marks come later, or came to nothing: the day's row would hide them. @returns whether there were any */
async function rollUpMissingHours(day: Due, logic: Logic, stores: RunStores, now: () => number): Promise<boolean> {
  const { merchant } = day;
  const missing: number[] = [];
  let next = day.time * 24;
  const end = next + 24;
  for await (const hour of stores.rollups.scan(merchant, 'hour', logic.version, next, end, { kind: 'meta' })) {
    if (!readAfterEnd(hour)) continue;
    for await (const time of stores.log.hours(merchant, next, hour.time)) missing.push(time);
    next = hour.time + 1;
  }
  for await (const time of stores.log.hours(merchant, next, end)) missing.push(time);
  for (const time of missing) await run({ merchant, level: 'hour', time, terminals: new Set() }, logic, stores, now);
  return missing.length > 0;
}

function rowOf(due: Due, current: Rollup | null, fresh: Parts, logic: Logic, readAt: number, publishedAt: number) {
  const base = due.time * slotsOf[due.level];
  const parts = [...allParts(current, fresh, base).values()];
  const tally = noTally();
  let overflow = 0;
  for (const part of parts) {
    mergeTally(tally, part.tally);
    overflow += part.figures.overflow + part.articles.overflow;
  }
  const views = new Map<string, Uint8Array>();
  for (const name of viewNames(logic)) {
    const cube = view(
      name,
      parts.map((part) => part.figures),
    );
    overflow += cube.overflow;
    views.set(name, encodeView(cube, base));
  }
  const articles = articlesCube();
  for (const part of parts) mergeArticles(articles, part.articles);
  overflow += articles.overflow;
  views.set(ARTICLES_VIEW, encodeArticles(articles, base));
  return {
    // Clearances are not read yet: nothing is final, and nobody is named.
    meta: { ...tally, digest: digestText(tally.digest), readAt, publishedAt, overflow, waitingFor: null },
    parts: new Map([...fresh].map(([terminal, part]) => [terminal, encodePart(part, base)])),
    views,
  };
}

/** In order of terminal, so that views come out the same whoever makes them. */
function allParts(current: Rollup | null, fresh: Parts, base: number): Parts {
  const all = new Map(fresh);
  for (const [terminal, bytes] of current?.parts ?? []) {
    if (!all.has(terminal)) all.set(terminal, decodePart(bytes, base));
  }
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}
