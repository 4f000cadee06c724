/** The catalogue of metrics: how each one is calculated from the measures of a bucket. */

import type { SketchSelection } from '../../aggregation/codec.ts';
import { addExact, divideRounded, type ExactInt, negateExact } from '../../aggregation/logic/exact-sum.ts';
import { emptyMeasures, type Measures } from '../../aggregation/measures.ts';
import { DistinctSketch } from '../../aggregation/sketches/distinct-sketch.ts';

/** A bucket's measures, separated by the meaning of the event type. */
export interface Bucket {
  /** Events of every type. */
  events: number;
  readonly sales: Measures;
  readonly refunds: Measures;
}

export const emptyBucket = (): Bucket => ({ events: 0, sales: emptyMeasures(), refunds: emptyMeasures() });

/**
 * A number, or null where there is none. Outside the safe integers: a JSON number with all digits.
 */
export type Value = number | { readonly rawJSON: string } | null;

const rawJson = (JSON as unknown as { rawJSON(text: string): { readonly rawJSON: string } }).rawJSON;

export const exact = (value: ExactInt): Value => (typeof value === 'bigint' ? rawJson(value.toString()) : value);

/** A double represents decimals of this many digits exactly enough to distinguish them. */
const DOUBLE_DIGITS = 15;

/** Thousandths as a decimal. */
export function pieces(thousandths: ExactInt): Value {
  if (typeof thousandths === 'number' && Math.abs(thousandths) < 10 ** DOUBLE_DIGITS) return thousandths / 1000;
  const wide = BigInt(thousandths);
  const size = wide < 0n ? -wide : wide;
  return rawJson(`${wide < 0n ? '-' : ''}${size / 1000n}.${String(size % 1000n).padStart(3, '0')}`);
}

/** Thousandths of a minor unit in whole minor units, rounded half away from zero. */
export const minorUnits = (thousandths: ExactInt): Value => exact(divideRounded(thousandths, 1000));

function uniqueCustomers({ sales, refunds }: Bucket): number {
  if (sales.customers === null || refunds.customers === null)
    return (sales.customers ?? refunds.customers)?.count() ?? 0;
  const both = new DistinctSketch();
  both.merge(sales.customers);
  both.merge(refunds.customers);
  return both.count();
}

interface Metric {
  /** In minor units of a currency: amounts of two currencies are never added. */
  readonly money: boolean;
  readonly of: (bucket: Bucket) => Value;
}

export const METRICS = {
  'events.count': { money: false, of: (b) => b.events },
  'sales.count': { money: false, of: (b) => b.sales.count },
  'sales.amount': { money: true, of: (b) => exact(b.sales.amount) },
  'refunds.count': { money: false, of: (b) => b.refunds.count },
  'refunds.amount': { money: true, of: (b) => exact(b.refunds.amount) },
  'net.amount': { money: true, of: (b) => exact(addExact(b.sales.amount, negateExact(b.refunds.amount))) },
  'ticket.avg': {
    money: true,
    of: ({ sales }) => (sales.tickets === null ? null : exact(divideRounded(sales.amount, sales.tickets.total))),
  },
  'ticket.min': { money: true, of: ({ sales }) => sales.tickets?.min ?? null },
  'ticket.max': { money: true, of: ({ sales }) => sales.tickets?.max ?? null },
  'ticket.p50': { money: true, of: ({ sales }) => sales.tickets?.percentile(50) ?? null },
  'ticket.p95': { money: true, of: ({ sales }) => sales.tickets?.percentile(95) ?? null },
  'items.quantity': { money: false, of: (b) => pieces(addExact(b.sales.quantity, negateExact(b.refunds.quantity))) },
  'customers.unique': { money: false, of: uniqueCustomers },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];
export const isMetric = (name: string): name is MetricName => Object.hasOwn(METRICS, name);

export const requiredSketches = (metrics: readonly MetricName[]): SketchSelection => ({
  tickets: metrics.some((name) => name.startsWith('ticket.')),
  customers: metrics.includes('customers.unique'),
});
