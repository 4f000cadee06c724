/**
 * Folds an hour again from the bytes of its raw rows, publishes nothing, and compares the result
 * with the stored row bit for bit: finds figures that are wrong though the row's digest is right.
 */
import { Buffer } from 'node:buffer';
import { type Cooperative, Slices } from '../../../shared/cooperative.ts';
import { visitArticles, visitFigures } from '../../aggregation/cell-entries.ts';
import { ALL_MEASURES } from '../../aggregation/codec.ts';
import type { GroupKey } from '../../aggregation/cube.ts';
import type { FoldedValues } from '../../aggregation/folded-values.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { ItemMeasures, Measures } from '../../aggregation/measures.ts';
import { unpackCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { ARTICLES_VIEW } from '../../aggregation/views/views.ts';
import type { EventLog } from '../../store/event-log.ts';
import type { Rollup } from '../../store/rollups/rollup.ts';
import { recompute } from '../recompute.ts';
import type { RowContent } from '../run.ts';

/** Of the meta, what the raw rows alone decide. */
const COMPARED = ['rows', 'digest', 'earliestArrival', 'events', 'conflicts', 'lost', 'overflow'] as const;

/**
 * @param row with all cells
 * @returns the names of what differs: `meta`, or cells such as `part till-1`, `view total`; null
 *   when it cannot be folded now
 */
export async function differingCells(
  row: Rollup,
  logic: Logic,
  log: EventLog,
  now: () => number,
): Promise<string[] | null> {
  const { merchant, time } = row;
  let folded: Pick<RowContent, 'meta' | 'parts' | 'views'> | null = null as RowContent | null;
  const stores = {
    log,
    rollups: {
      read: async () => null,
      scan: async function* () {},
      terminals: async () => [],
      async publish(...[, , next]: [unknown, unknown, RowContent]) {
        folded = next;
        return true;
      },
    },
    history: { keep: async () => undefined, keepNone: async () => undefined, setFinal: async () => undefined },
    finality: { record: async () => null },
    parked: { read: async () => null, write: async () => true },
    marks: { add: async () => undefined },
    // Whoever asks has left sealed hours out.
    sealed: {
      ...{ areSealed: false, sealOf: () => null, isSealed: () => false, isClosed: () => false },
      note: async () => 0,
    },
  };
  const outcome = await recompute({ merchant, level: 'hour', time, terminals: null }, logic, stores, now);
  if (folded === null || outcome === null || outcome.parked.length > 0) return null;
  const { meta, parts, views } = folded;
  const differing = COMPARED.every((name) => meta[name] === row.meta[name]) ? [] : ['meta'];
  for (const [name, cell] of parts) if (!(await isSame(cell, row.parts.get(name)))) differing.push(`part ${name}`);
  for (const [name, cell] of views)
    if (!(await isSame(cell, row.views.get(name))) && !(await saysTheSame(name, cell, row.views.get(name))))
      differing.push(`view ${name}`);
  return differing;
}

/** A view that has grown has its groups in another order. */
async function saysTheSame(name: string, cell: Uint8Array, stored: Uint8Array | undefined): Promise<boolean> {
  if (stored === undefined) return false;
  try {
    const slices = new Slices();
    const [ours, theirs] = [await unpackCell(cell), await unpackCell(stored)];
    return (await slices.run(entriesOf(name, ours))) === (await slices.run(entriesOf(name, theirs)));
  } catch {
    return false;
  }
}

function* entriesOf(name: string, content: Uint8Array): Cooperative<string> {
  const lines: string[] = [];
  const add = (wireOf: (measures: never) => unknown) => (keys: readonly string[], folded: FoldedValues) => {
    lines.push(JSON.stringify([keys, [...folded]]));
    return (key: GroupKey, slot: number, measures: unknown) => {
      lines.push(JSON.stringify([key, slot, wireOf(measures as never)], (_name, value) => textOf(value)));
    };
  };
  if (name === ARTICLES_VIEW)
    yield* visitArticles(
      content,
      0,
      add((measures: ItemMeasures) => measures),
    );
  else yield* visitFigures(content, 'view', 0, ALL_MEASURES, add(figuresWire));
  return lines.sort().join('\n');
}

const figuresWire = ({ tickets, customers, ...sums }: Measures) => ({
  ...sums,
  tickets: tickets?.toWire(),
  customers: customers?.toWire(),
});

const textOf = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
};

/** By content: another version of zstd may pack it differently. */
async function isSame(cell: Uint8Array, stored: Uint8Array | undefined): Promise<boolean> {
  if (stored === undefined) return false;
  if (Buffer.compare(cell, stored) === 0) return true;
  try {
    return Buffer.compare(await unpackCell(cell), await unpackCell(stored)) === 0;
  } catch {
    return false;
  }
}
