/**
 * Reads a rollup's cell entry by entry, in slices: memory is the unpacked bytes, its groups and one
 * entry, never the cell as objects. `codec.ts` writes the cells.
 */
import type { Cooperative } from '../../shared/cooperative.ts';
import { SLOTS_PER_HOUR } from '../../shared/time.ts';
import { ALL_MEASURES, FORMAT, type PackedTally, type SketchSelection } from './codec.ts';
import type { Cube, Group, GroupKey } from './cube.ts';
import { FoldedValues } from './folded-values.ts';
import { parseDigest } from './hashes/row-set-digest.ts';
import type { ExactInt } from './logic/exact-sum.ts';
import { type ItemMeasures, type Measures, sketchBytes } from './measures.ts';
import { MessagePackCursor } from './message-pack/cursor.ts';
import { readCustomers, readTickets } from './packed-sketches.ts';
import { articlesCube, figuresCube, type PartialAggregate, type Tally } from './partial.ts';

/** Called for each entry: the entries of a group come together, with the same key object. */
export type Visit<M> = (key: GroupKey, slot: number, measures: M) => void;

/**
 * Is told the names of the keys' positions and what bounds folded, and gives what to call for each
 * entry.
 */
export type Visitor<M> = (keys: readonly string[], folded: FoldedValues) => Visit<M>;

/** Values read between two looks at the clock. */
const VALUES_PER_YIELD = 256;
/** Sketches of up to a thousand values. */
const SKETCHES_PER_YIELD = 8;

/**
 * Visits the figures of a view or of a partial aggregate.
 *
 * @param content from `unpackCell`
 * @param base first slot of the row's hour or day, since 1970
 */
export function* visitFigures(
  content: Uint8Array,
  kind: 'view' | 'part',
  base: number,
  wanted: SketchSelection,
  visitor: Visitor<Measures>,
): Cooperative<void> {
  const columns = yield* columnsOf(content, kind);
  yield* eachFigures(columns, base, wanted, visitor(columns.keys, columns.folded(base)));
}

function* eachFigures(
  columns: Columns,
  base: number,
  wanted: SketchSelection,
  visit: Visit<Measures>,
): Cooperative<void> {
  const [group, slot] = [columns.column('group'), columns.column('slot')];
  const [count, amount, quantity] = [columns.column('count'), columns.column('amount'), columns.column('quantity')];
  const tickets = wanted.tickets ? columns.packed('tickets') : null;
  const customers = wanted.customers ? columns.packed('customers') : null;
  const step = tickets === null && customers === null ? VALUES_PER_YIELD : SKETCHES_PER_YIELD;
  for (let at = 0; at < columns.entries; at++) {
    if (at % step === step - 1) yield;
    visit(columns.groups[group.number()]!, base + slot.number(), {
      count: count.number(),
      amount: exact(amount),
      quantity: exact(quantity),
      tickets: tickets === null ? null : readTickets(tickets),
      customers: customers === null ? null : readCustomers(customers),
    });
  }
}

/** Visits an article table. */
export function* visitArticles(content: Uint8Array, base: number, visitor: Visitor<ItemMeasures>): Cooperative<void> {
  const columns = yield* columnsOf(content, 'articles');
  yield* eachArticle(columns, base, visitor(columns.keys, columns.folded(base)));
}

function* eachArticle(columns: Columns, base: number, visit: Visit<ItemMeasures>): Cooperative<void> {
  const [group, slot] = [columns.column('group'), columns.column('slot')];
  const [quantity, amount] = [columns.column('quantity'), columns.column('amount')];
  for (let at = 0; at < columns.entries; at++) {
    if (at % VALUES_PER_YIELD === VALUES_PER_YIELD - 1) yield;
    visit(columns.groups[group.number()]!, base + slot.number(), { quantity: exact(quantity), amount: exact(amount) });
  }
}

/** @throws RangeError unless it is of the format that this program writes */
export function checkedCell(content: Uint8Array): Uint8Array {
  contentOf(content);
  return content;
}

/** The tally of a partial aggregate alone. */
export const tallyOf = (content: Uint8Array): Tally => readTally(contentOf(content));

/** What follows the tally of a partial aggregate: equal where the figures are. */
export const afterTally = (content: Uint8Array): Uint8Array => contentOf(content).afterNext();

/** The articles of a partial aggregate as they are packed in it: what a view of them holds. */
export function packedArticles(content: Uint8Array): Uint8Array {
  const cursor = contentOf(content);
  cursor.skip();
  cursor.skip();
  return cursor.bytes();
}

/** Reads a partial aggregate as a whole. */
export function* readPartial(content: Uint8Array, base: number): Cooperative<PartialAggregate> {
  const cursor = contentOf(content);
  const tally = readTally(cursor);
  const figures = yield* figuresIn(yield* columnsAt(cursor), base);
  const articles = yield* articlesIn(yield* columnsAt(MessagePackCursor.over(cursor.bytes())), base);
  return { figures, articles, tally };
}

/** Adds a view's figures, or those of a partial aggregate, to a cube that has none of its hours. */
export function* readFigures(
  content: Uint8Array,
  kind: 'view' | 'part',
  base: number,
  into?: Cube<Measures>,
): Cooperative<Cube<Measures>> {
  return yield* figuresIn(yield* columnsOf(content, kind), base, into);
}

/** The same of an article table. */
export function* readArticles(
  content: Uint8Array,
  base: number,
  into?: Cube<ItemMeasures>,
): Cooperative<Cube<ItemMeasures>> {
  return yield* articlesIn(yield* columnsOf(content, 'articles'), base, into);
}

function* figuresIn(columns: Columns, base: number, figures = figuresCube(columns.keys)): Cooperative<Cube<Measures>> {
  const put = putInto(figures);
  yield* eachFigures(columns, base, ALL_MEASURES, (key, slot, measures) => {
    put(key, slot, measures);
    figures.bytes += sketchBytes(measures);
  });
  for (const folded of columns.folded(base)) figures.folded.add(folded);
  return figures;
}

function* articlesIn(columns: Columns, base: number, articles = articlesCube()): Cooperative<Cube<ItemMeasures>> {
  yield* eachArticle(columns, base, putInto(articles));
  for (const folded of columns.folded(base)) articles.folded.add(folded);
  return articles;
}

/** Puts entries into a cube without bound. Those of a group come together: it is looked up once. */
function putInto<M>(cube: Cube<M>): Visit<M> {
  let group: Group<M> | null = null;
  let last: GroupKey | null = null;
  return (key, slot, measures) => {
    if (group === null || key !== last) group = cube.group(key);
    last = key;
    cube.in(group, slot, () => measures);
  };
}

/** The columns of a cell, each with a cursor at its begin. */
class Columns {
  readonly keys: readonly string[] = [];
  readonly groups: readonly GroupKey[];
  readonly entries: number;
  readonly #begins: ReadonlyMap<string, MessagePackCursor>;

  constructor(begins: ReadonlyMap<string, MessagePackCursor>, groups: readonly GroupKey[]) {
    this.#begins = begins;
    this.groups = groups;
    this.keys = texts(this.#begin('keys'));
    this.entries = this.#begin('group').array();
  }

  folded(base: number): FoldedValues {
    const folded = new FoldedValues();
    const cursor = this.#begins.get('folded')?.fork();
    for (let left = cursor?.array() ?? 0; left > 0; left--) {
      cursor!.array();
      const [place, hour, values] = [cursor!.number(), cursor!.number(), cursor!.number()];
      const isPartial = cursor!.scalar() as boolean;
      folded.add({ dimension: this.keys[place]!, hour: base / SLOTS_PER_HOUR + hour, values, isPartial });
    }
    return folded;
  }

  /** A cursor at the first value of a column. */
  column(name: string): MessagePackCursor {
    const cursor = this.#begin(name);
    cursor.array();
    return cursor;
  }

  /** The same of a column that is packed by itself. */
  packed(name: string): MessagePackCursor {
    const cursor = MessagePackCursor.over(this.#begin(name).bytes());
    cursor.array();
    return cursor;
  }

  #begin(name: string): MessagePackCursor {
    const cursor = this.#begins.get(name);
    if (cursor === undefined) throw new RangeError(`a rollup cell has no column ${name}`);
    return cursor.fork();
  }
}

/** A cursor behind the format. @throws RangeError on another format */
function contentOf(content: Uint8Array): MessagePackCursor {
  const cursor = MessagePackCursor.over(content);
  cursor.array();
  const format = cursor.scalar();
  if (format !== FORMAT)
    throw new RangeError(`rollup cell of format ${String(format)}; this program reads format ${FORMAT}`);
  return cursor;
}

function readTally(cursor: MessagePackCursor): Tally {
  const fields: Record<string, unknown> = {};
  for (let left = cursor.map(); left > 0; left--) fields[String(cursor.scalar())] = cursor.scalar();
  const tally = fields as unknown as PackedTally;
  return { ...tally, digest: parseDigest(tally.digest) };
}

function* columnsOf(content: Uint8Array, kind: 'view' | 'part' | 'articles'): Cooperative<Columns> {
  const cursor = contentOf(content);
  // A partial aggregate's tally comes before its figures.
  if (kind === 'part') cursor.skip();
  return yield* columnsAt(cursor);
}

function* columnsAt(cursor: MessagePackCursor): Cooperative<Columns> {
  const begins = new Map<string, MessagePackCursor>();
  let groups: GroupKey[] = [];
  for (let left = cursor.map(); left > 0; left--) {
    const name = String(cursor.scalar());
    begins.set(name, cursor.fork());
    if (name === 'groups') groups = yield* groupsOf(cursor);
    else yield* skipColumn(cursor);
  }
  return new Columns(begins, groups);
}

function* groupsOf(cursor: MessagePackCursor): Cooperative<GroupKey[]> {
  const groups: GroupKey[] = [];
  for (let left = cursor.array(); left > 0; left--) {
    const key: (string | null)[] = [];
    for (let values = cursor.array(); values > 0; values--) key.push(cursor.scalar() as string | null);
    if (groups.push(key) % VALUES_PER_YIELD === 0) yield;
  }
  return groups;
}

function* skipColumn(cursor: MessagePackCursor): Cooperative<void> {
  if (!cursor.atArray) {
    cursor.skip();
    return;
  }
  let passed = 0;
  for (let left = cursor.array(); left > 0; left--) {
    passed += cursor.skip();
    if (passed < VALUES_PER_YIELD) continue;
    passed = 0;
    yield;
  }
}

function texts(cursor: MessagePackCursor): string[] {
  const found: string[] = [];
  for (let left = cursor.array(); left > 0; left--) found.push(String(cursor.scalar()));
  return found;
}

/** Decimal text outside the safe integers. */
function exact(cursor: MessagePackCursor): ExactInt {
  const value = cursor.scalar();
  return typeof value === 'string' ? BigInt(value) : (value as number);
}
