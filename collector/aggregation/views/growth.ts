/**
 * What a terminal's partial aggregate has more than before. Where nothing of it was taken back, the
 * views of all terminals become what they are now by adding that, without the other terminals.
 */
import type { Cooperative } from '../../../shared/cooperative.ts';
import { readArticles, readFigures } from '../cell-entries.ts';
import { encodeArticles, encodeView } from '../codec.ts';
import { type Cube, mergeCube, nameOf } from '../cube.ts';
import { ARTICLES_BOUND, type Bound, keepLargest, VIEW_BOUND } from '../keep-largest.ts';
import { AGGREGATION_LIMITS } from '../limits.ts';
import { addExact, negateExact } from '../logic/exact-sum.ts';
import type { Logic } from '../logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../measures.ts';
import { articlesCube, figuresCube, type PartialAggregate } from '../partial.ts';
import { AmountSketch } from '../sketches/amount-sketch.ts';
import { DistinctSketch } from '../sketches/distinct-sketch.ts';
import { ARTICLES_VIEW, EncodedViews, viewKeys, viewNames } from './views.ts';

export type Growth = Pick<PartialAggregate, 'figures' | 'articles'>;

export const isNothing = ({ figures, articles }: Growth): boolean =>
  figures.groups().next().done === true && articles.groups().next().done === true;

/** Stands for what is no growth. */
const SHRUNK = Symbol('shrunk');
type Grown<T> = T | null | typeof SHRUNK;

/**
 * @param before null: there was none
 * @returns null when it is no growth, or bounds folded something: the views are to be merged anew
 */
export function* growthOf(before: PartialAggregate | null, now: PartialAggregate): Cooperative<Growth | null> {
  if (before === null) return areAllKept(now) ? now : null;
  if (!areAllKept(before) || !areAllKept(now)) return null;
  const figures = yield* cubeGrowth(before.figures, now.figures, figuresCube(now.figures.keys), measuresGrowth);
  if (figures === null) return null;
  const articles = yield* cubeGrowth(before.articles, now.articles, articlesCube(), itemsGrowth);
  return articles === null ? null : { figures, articles };
}

const areAllKept = ({ figures, articles }: Growth): boolean => figures.folded.size === 0 && articles.folded.size === 0;

function* cubeGrowth<M>(
  before: Cube<M>,
  now: Cube<M>,
  into: Cube<M>,
  growth: (before: M, now: M) => Grown<M>,
): Cooperative<Cube<M> | null> {
  const known = new Map([...before.groups()].map((group) => [nameOf(group.key), group.slots]));
  let found = 0;
  for (const { key, slots } of now.groups()) {
    const earlier = known.get(nameOf(key));
    for (const [slot, measures] of slots) {
      const was = earlier?.get(slot);
      if (was !== undefined) found++;
      const grown = was === undefined ? measures : growth(was, measures);
      if (grown === SHRUNK) return null;
      if (grown !== null) into.at(key, slot, () => grown);
    }
    yield;
  }
  let entries = 0;
  for (const slots of known.values()) entries += slots.size;
  return found === entries ? into : null;
}

function itemsGrowth(before: ItemMeasures, now: ItemMeasures): Grown<ItemMeasures> {
  const quantity = addExact(now.quantity, negateExact(before.quantity));
  const amount = addExact(now.amount, negateExact(before.amount));
  return quantity === 0 && amount === 0 ? null : { quantity, amount };
}

function measuresGrowth(before: Measures, now: Measures): Grown<Measures> {
  const count = now.count - before.count;
  const tickets = ticketsGrowth(before.tickets, now.tickets);
  const customers = customersGrowth(before.customers, now.customers);
  if (count < 0 || tickets === SHRUNK || customers === SHRUNK) return SHRUNK;
  const amount = addExact(now.amount, negateExact(before.amount));
  const quantity = addExact(now.quantity, negateExact(before.quantity));
  const isSame = count === 0 && amount === 0 && quantity === 0 && tickets === null && customers === null;
  return isSame ? null : { count, amount, quantity, tickets, customers };
}

function ticketsGrowth(before: AmountSketch | null, now: AmountSketch | null): Grown<AmountSketch> {
  if (before === null) return now;
  if (now === null) return SHRUNK;
  const after = now.toWire();
  let earlier = before.toWire();
  if (earlier.exact && !after.exact) {
    const buckets = AmountSketch.fromWire({ ...earlier, exact: false, counts: [] });
    buckets.merge(before);
    earlier = buckets.toWire();
  } else if (after.exact && !earlier.exact) return SHRUNK;
  const left = new Map<number, number>();
  for (let at = 0; at < earlier.counts.length; at += 2) left.set(earlier.counts[at]!, earlier.counts[at + 1]!);
  const counts: number[] = [];
  for (let at = 0; at < after.counts.length; at += 2) {
    const [key, count] = [after.counts[at]!, after.counts[at + 1]!];
    const more = count - (left.get(key) ?? 0);
    left.delete(key);
    if (more < 0) return SHRUNK;
    if (more > 0) counts.push(key, more);
  }
  if (left.size > 0) return SHRUNK;
  const isSame = counts.length === 0 && before.toWire().exact === after.exact;
  return isSame ? null : AmountSketch.fromWire({ ...after, counts });
}

function customersGrowth(before: DistinctSketch | null, now: DistinctSketch | null): Grown<DistinctSketch> {
  if (before === null) return now;
  if (now === null) return SHRUNK;
  const [earlier, after] = [before.toWire(), now.toWire()];
  // Of registers it cannot be told what is new; adding all of them is the same.
  if (earlier instanceof Uint8Array || after instanceof Uint8Array) {
    const isMore =
      earlier instanceof Uint8Array && after instanceof Uint8Array && earlier.every((r, at) => r <= after[at]!);
    return isMore ? now : SHRUNK;
  }
  const known = new Set(earlier);
  const more = after.filter((hash) => !known.has(hash));
  if (after.length - more.length < known.size) return SHRUNK;
  return more.length === 0 ? null : DistinctSketch.fromWire(more);
}

/**
 * The views of an hour in which nothing was folded, grown.
 *
 * @param contents of the views' cells, unpacked
 * @param base first slot of the hour, since 1970
 * @returns null when they have to be merged anew: one is missing, or exceeds a bound now
 */
export function* grownViews(
  contents: ReadonlyMap<string, Uint8Array>,
  growths: readonly Growth[],
  logic: Logic,
  base: number,
): Cooperative<EncodedViews | null> {
  const encoded = new EncodedViews();
  const entries = AGGREGATION_LIMITS.viewEntries.value;
  for (const name of viewNames(logic)) {
    const content = contents.get(name);
    if (content === undefined) return null;
    const view = yield* readFigures(content, 'view', base, figuresCube(viewKeys(name), entries));
    const cubes = growths.map(({ figures }) => figures);
    if (!(yield* grow(view, cubes, VIEW_BOUND))) return null;
    encoded.add(name, yield* encodeView(view, base), view.folded);
  }
  const content = contents.get(ARTICLES_VIEW);
  if (content === undefined) return null;
  const view = yield* readArticles(content, base, articlesCube(entries));
  const cubes = growths.map(({ articles }) => articles);
  if (!(yield* grow(view, cubes, ARTICLES_BOUND))) return null;
  encoded.add(ARTICLES_VIEW, yield* encodeArticles(view, base), view.folded);
  return encoded.omitted.length === 0 ? encoded : null;
}

/** @returns false when it does not fit its bound any more */
function* grow<M>(view: Cube<M>, growths: readonly Cube<M>[], bound: Bound): Cooperative<boolean> {
  for (const growth of growths) yield* mergeCube(view, growth);
  return view.folded.size === 0 && (yield* keepLargest(view, bound)) === view;
}
