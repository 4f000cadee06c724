/**
 * Reads a rollup's cell entry by entry, in slices: memory is the unpacked bytes, its groups and one
 * entry, never the cell as objects. `codec.ts` writes the cells.
 */
import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { Cooperative } from '../../shared/cooperative.ts';
import { FORMAT, type SketchSelection } from './codec.ts';
import type { GroupKey } from './cube.ts';
import type { ExactInt } from './exact-sum.ts';
import type { ItemMeasures, Measures } from './measures.ts';
import { MessagePackCursor } from './message-pack-cursor.ts';
import { AmountSketch } from './sketches/amount-sketch.ts';
import { DistinctSketch } from './sketches/distinct-sketch.ts';

/** Called for each entry: the entries of a group come together, with the same key object. */
export type Visit<M> = (key: GroupKey, slot: number, measures: M) => void;

export type CellKind = 'view' | 'part' | 'articles';

/** What one cell may unpack to. A day of 20,000 articles sold in every slot unpacks to 23 MiB. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
/** A cell of this size is unpacked faster than a thread could be asked to. */
const SMALL_BYTES = 8 * 1024;
/** Values read between two looks at the clock. */
const VALUES_PER_YIELD = 256;

const unpackInThread = promisify(zstdDecompress);

/** @throws RangeError on a cell that unpacks to more than any that this program writes */
export async function unpackCell(bytes: Uint8Array): Promise<Uint8Array> {
  const bound = { maxOutputLength: MAX_UNPACKED_BYTES };
  return bytes.length <= SMALL_BYTES ? zstdDecompressSync(bytes, bound) : unpackInThread(bytes, bound);
}

/** The columns of a cell: a cursor at the first value of each, and how many there are. */
interface Columns {
  readonly keys: readonly string[];
  readonly groups: readonly GroupKey[];
  readonly entries: number;
  readonly at: ReadonlyMap<string, MessagePackCursor>;
}

export class CellEntries {
  readonly #columns: Columns;
  readonly #base: number;

  private constructor(columns: Columns, base: number) {
    this.#columns = columns;
    this.#base = base;
  }

  /**
   * @param unpacked from `unpackCell`
   * @param base first slot of the row's hour or day, since 1970
   */
  static *of(unpacked: Uint8Array, kind: CellKind, base: number): Cooperative<CellEntries> {
    const cursor = new MessagePackCursor(unpacked);
    cursor.array();
    const format = cursor.scalar();
    if (format !== FORMAT)
      throw new RangeError(`rollup cell of format ${String(format)}; this program reads format ${FORMAT}`);
    // A partial aggregate's tally comes before its figures.
    if (kind === 'part') cursor.skip();
    return new CellEntries(yield* columnsOf(cursor), base);
  }

  get keys(): readonly string[] {
    return this.#columns.keys;
  }

  *figures(wanted: SketchSelection, visit: Visit<Measures>): Cooperative<void> {
    const [count, amount, quantity] = ['count', 'amount', 'quantity'].map((name) => this.#column(name));
    const tickets = wanted.tickets ? this.#packed('tickets') : null;
    const customers = wanted.customers ? this.#packed('customers') : null;
    yield* this.#each((key, slot) =>
      visit(key, slot, {
        count: count!.number(),
        amount: exact(amount!),
        quantity: exact(quantity!),
        tickets: tickets === null ? null : readTickets(tickets),
        customers: customers === null ? null : readCustomers(customers),
      }),
    );
  }

  *articles(visit: Visit<ItemMeasures>): Cooperative<void> {
    const [quantity, amount] = [this.#column('quantity'), this.#column('amount')];
    yield* this.#each((key, slot) => visit(key, slot, { quantity: exact(quantity), amount: exact(amount) }));
  }

  *#each(visit: (key: GroupKey, slot: number) => void): Cooperative<void> {
    const { groups, entries } = this.#columns;
    const [group, slot] = [this.#column('group'), this.#column('slot')];
    for (let at = 0; at < entries; at++) {
      if (at % VALUES_PER_YIELD === VALUES_PER_YIELD - 1) yield;
      visit(groups[group.number()]!, this.#base + slot.number());
    }
  }

  #column(name: string): MessagePackCursor {
    const cursor = this.#columns.at.get(name);
    if (cursor === undefined) throw new RangeError(`a rollup cell has no column ${name}`);
    const column = cursor.fork();
    column.array();
    return column;
  }

  /** A column that is packed by itself. */
  #packed(name: string): MessagePackCursor {
    const cursor = this.#columns.at.get(name);
    if (cursor === undefined) throw new RangeError(`a rollup cell has no column ${name}`);
    const column = new MessagePackCursor(cursor.fork().bytes());
    column.array();
    return column;
  }
}

function* columnsOf(cursor: MessagePackCursor): Cooperative<Columns> {
  const at = new Map<string, MessagePackCursor>();
  for (let left = cursor.map(); left > 0; left--) {
    at.set(String(cursor.scalar()), cursor.fork());
    yield* skipColumn(cursor);
  }
  const keys = at.get('keys')!.fork();
  const names = Array.from({ length: keys.array() }, () => String(keys.scalar()));
  const groups: GroupKey[] = [];
  const packedGroups = at.get('groups')!.fork();
  for (let left = packedGroups.array(); left > 0; left--) {
    const key = Array.from({ length: packedGroups.array() }, () => packedGroups.scalar() as string | null);
    if (groups.push(key) % VALUES_PER_YIELD === 0) yield;
  }
  return { keys: names, groups, entries: at.get('group')!.fork().array(), at };
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

/** Decimal text outside the safe integers. */
function exact(cursor: MessagePackCursor): ExactInt {
  const value = cursor.scalar();
  return typeof value === 'string' ? BigInt(value) : (value as number);
}

const numbers = (cursor: MessagePackCursor): number[] => Array.from({ length: cursor.array() }, () => cursor.number());

function readTickets(cursor: MessagePackCursor): AmountSketch | null {
  if (cursor.isNull()) return null;
  cursor.array();
  const isExact = cursor.scalar() as boolean;
  const [min, max] = [cursor.number(), cursor.number()];
  return AmountSketch.fromWire({ exact: isExact, min, max, counts: numbers(cursor) });
}

function readCustomers(cursor: MessagePackCursor): DistinctSketch | null {
  if (cursor.isNull()) return null;
  return DistinctSketch.fromWire(cursor.atArray ? numbers(cursor) : cursor.bytes());
}
