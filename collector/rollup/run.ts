/**
 * One run: computes one merchant's hour or day again and publishes it.
 *
 *     hour: read the row (revision and parts) -> fold the raw rows of the terminals named -> merge with the other parts -> compare-and-set
 *     day:  read the row -> merge the hours' parts of the terminals named -> merge with the other parts -> compare-and-set
 *
 * The revision is read before the raw rows, so a compare-and-set that succeeds proves that nobody published in between from rows
 * that this run did not see. A lost compare-and-set starts again from the top; it is never success.
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
import type { EventLog } from '../store/event-log.ts';
import type { Rollup, RollupKey, RollupMeta, Rollups } from '../store/rollups.ts';

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
  /** The revision published. */
  readonly revision: number;
  /** Compare-and-sets lost on the way. */
  readonly lost: number;
}

/** More contenders than this for one row means that something is wrong with them. */
const MAX_ATTEMPTS = 20;

const slotsOf = { hour: SLOTS_PER_HOUR, day: SLOTS_PER_DAY } as const;

/** @throws Error when the row could not be published; its marks must stay */
export async function run(due: Due, logic: Logic, stores: RunStores, now: () => number): Promise<RunOutcome> {
  const key: RollupKey = { merchant: due.merchant, level: due.level, logic: logic.version, time: due.time };
  for (let lost = 0; lost < MAX_ATTEMPTS; lost++) {
    const current = await stores.rollups.read(key);
    const fresh = due.level === 'hour' ? await foldHour(due, logic, stores) : await mergeDay(due, logic, stores);
    const base = due.time * slotsOf[due.level];
    const parts = allParts(current, fresh, base);
    const next = {
      meta: metaOf(parts.values(), now()),
      parts: new Map([...fresh].map(([terminal, part]) => [terminal, encodePart(part, base)])),
      views: viewsOf([...parts.values()], logic, base),
    };
    if (await stores.rollups.publish(key, current?.revision ?? null, next))
      return { revision: (current?.revision ?? 0) + 1, lost };
  }
  throw new Error(`lost ${MAX_ATTEMPTS} compare-and-sets in a row on ${due.merchant} ${due.level} ${due.time}`);
}

async function foldHour(due: Due, logic: Logic, { log }: RunStores): Promise<Map<TerminalId, Part>> {
  const parts = new Map<TerminalId, Part>();
  for (const terminal of due.terminals) {
    const fold = new PartFold(logic);
    for await (const row of log.scanTerminal(due.merchant, due.time, terminal)) fold.add(readRow(row));
    const part = fold.part();
    // A mark follows its raw row: no row left means that it has expired, and what was published stands.
    if (part.tally.rows > 0) parts.set(terminal, part);
  }
  return parts;
}

async function mergeDay(due: Due, logic: Logic, { rollups }: RunStores): Promise<Map<TerminalId, Part>> {
  const parts = new Map<TerminalId, Part>();
  const cells = { kind: 'parts', terminals: [...due.terminals] } as const;
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

/** In order of terminal, so that views come out the same whoever makes them. */
function allParts(current: Rollup | null, fresh: ReadonlyMap<TerminalId, Part>, base: number): Map<TerminalId, Part> {
  const all = new Map(fresh);
  for (const [terminal, bytes] of current?.parts ?? []) {
    if (!all.has(terminal)) all.set(terminal, decodePart(bytes, base));
  }
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function viewsOf(parts: readonly Part[], logic: Logic, base: number): Map<string, Uint8Array> {
  const figures = parts.map((part) => part.figures);
  const views = new Map(viewNames(logic).map((name) => [name, encodeView(view(name, figures), base)]));
  const articles = articlesCube();
  for (const part of parts) mergeArticles(articles, part.articles);
  return views.set(ARTICLES_VIEW, encodeArticles(articles, base));
}

function metaOf(parts: Iterable<Part>, publishedAt: number): RollupMeta {
  const sum = noTally();
  let overflow = 0;
  for (const part of parts) {
    mergeTally(sum, part.tally);
    overflow += part.figures.overflow + part.articles.overflow;
  }
  // Clearances are not read yet: nothing is final, and nobody is named.
  return { ...sum, digest: digestText(sum.digest), publishedAt, overflow, waitingFor: null };
}
