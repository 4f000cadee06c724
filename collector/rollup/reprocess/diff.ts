/**
 * What a merchant's figures change by from one logic version to another: sums over the hours that
 * have rows of both.
 */
import { Slices } from '../../../shared/cooperative.ts';
import type { MerchantId } from '../../../shared/ids.ts';
import { SLOTS_PER_HOUR } from '../../../shared/time.ts';
import { visitArticles, visitFigures } from '../../aggregation/cell-entries.ts';
import { addExact, type ExactInt, negateExact } from '../../aggregation/logic/exact-sum.ts';
import { unpackCell } from '../../aggregation/message-pack/unpack-cell.ts';
import { ARTICLES_VIEW } from '../../aggregation/views/views.ts';
import type { Rollups } from '../../store/rollups/rollups.ts';
import type { Hours } from './build.ts';
import { hoursWithRows } from './missing-rows.ts';

export interface MerchantDiff {
  readonly merchant: MerchantId;
  /** The largest of its changes; null: all that changes was 0 before. */
  readonly percent: number | null;
  /** By metric, money with its currency: before and after. Those that change alone. */
  readonly changes: Readonly<Record<string, readonly [ExactInt, ExactInt]>>;
  /** Hours that have rows of both versions. */
  readonly hours: number;
}

type Sums = Map<string, ExactInt>;
type Rows = Pick<Rollups, 'scan'>;

/** No figure of a sketch is compared: they follow from what the sums are made of. */
const NO_SKETCHES = { tickets: false, customers: false } as const;

export async function diffOf(
  rollups: Rows,
  merchant: MerchantId,
  [before, after]: readonly [number, number],
  { from, to }: Hours,
): Promise<MerchantDiff> {
  const [one, other] = [
    await hoursWithRows(rollups, merchant, before, from, to),
    await hoursWithRows(rollups, merchant, after, from, to),
  ];
  const hours = one.intersection(other);
  const [old, next] = [
    await sumsOf(rollups, merchant, before, { from, to }, hours),
    await sumsOf(rollups, merchant, after, { from, to }, hours),
  ];
  const changes: Record<string, readonly [ExactInt, ExactInt]> = {};
  for (const name of [...new Set([...old.keys(), ...next.keys()])].sort()) {
    const [was, is] = [old.get(name) ?? 0, next.get(name) ?? 0];
    if (BigInt(was) !== BigInt(is)) changes[name] = [was, is];
  }
  return { merchant, percent: percentOf(Object.values(changes)), changes, hours: hours.size };
}

/** The largest change first; of equal ones the merchant that comes first by name. */
export function largestFirst(a: MerchantDiff, b: MerchantDiff): number {
  const [x, y] = [a, b].map(({ percent }) => percent ?? Number.POSITIVE_INFINITY) as [number, number];
  if (x !== y) return y - x;
  return a.merchant < b.merchant ? -1 : 1;
}

function percentOf(changes: readonly (readonly [ExactInt, ExactInt])[]): number | null {
  const percents = changes
    .filter(([was]) => Number(was) !== 0)
    .map(([was, is]) => Math.abs((100 * (Number(is) - Number(was))) / Number(was)));
  return percents.length === 0 ? null : Math.round(Math.max(...percents) * 100) / 100;
}

async function sumsOf(
  rollups: Rows,
  merchant: MerchantId,
  version: number,
  { from, to }: Hours,
  hours: ReadonlySet<number>,
): Promise<Sums> {
  const sums: Sums = new Map();
  const slices = new Slices();
  for (const name of ['total', ARTICLES_VIEW]) {
    for await (const { time, views } of rollups.scan(merchant, 'hour', version, from, to, { kind: 'view', name })) {
      const cell = views.get(name);
      if (!hours.has(time) || cell === undefined) continue;
      const content = await unpackCell(cell);
      const base = time * SLOTS_PER_HOUR;
      await slices.run(
        name === ARTICLES_VIEW
          ? visitArticles(content, base, () => ([currency = null], _slot, { amount }) => {
              add(sums, `items.amount${ofCurrency(currency)} (thousandths)`, amount);
            })
          : visitFigures(
              content,
              'view',
              base,
              NO_SKETCHES,
              () =>
                ([type = null, currency = null], _slot, measures) => {
                  add(sums, 'events.count', measures.count);
                  if (type === 'sale' || type === 'refund') addTrade(sums, type, currency, measures);
                },
            ),
      );
    }
  }
  return sums;
}

function addTrade(
  sums: Sums,
  type: 'sale' | 'refund',
  currency: string | null,
  { count, amount, quantity }: { readonly count: number; readonly amount: ExactInt; readonly quantity: ExactInt },
): void {
  const isSale = type === 'sale';
  const net = (value: ExactInt): ExactInt => (isSale ? value : negateExact(value));
  add(sums, `${type}s.count`, count);
  add(sums, 'items.quantity (thousandths)', net(quantity));
  if (currency === null) return;
  add(sums, `${type}s.amount${ofCurrency(currency)}`, amount);
  add(sums, `net.amount${ofCurrency(currency)}`, net(amount));
}

const ofCurrency = (currency: string | null): string => (currency === null ? '' : `.${currency}`);

function add(sums: Sums, name: string, value: ExactInt): void {
  sums.set(name, addExact(sums.get(name) ?? 0, value));
}
