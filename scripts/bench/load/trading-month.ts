/**
 * A merchant that has traded for a month, in a store: raw rows, rollup rows made of them by the
 * product's own runs, what its tills said, and how far it is final.
 */
import { randomBytes } from 'node:crypto';
import type { Logic } from '../../../collector/aggregation/logic/logic-version.ts';
import { storesOn } from '../../../collector/app/context.ts';
import { recompute } from '../../../collector/rollup/recompute.ts';
import { EventLog } from '../../../collector/store/event-log.ts';
import type { Row, TableName, Tables } from '../../../collector/store/tables.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { prefixEnd, terminalsPrefix } from '../../../shared/keys.ts';
import { SIPHASH_KEY_BYTES } from '../../../shared/siphash.ts';
import { HOUR_MS, hourOf, MINUTE_MS } from '../../../shared/time.ts';
import { encodeEvents } from '../../../shared/wire/batch.ts';
import { basket, parsed, random } from './workload.ts';

export interface Trade {
  /** Of the month. */
  readonly sales: number;
  readonly tills: number;
  readonly articles: number;
  /** Sales that a batch has. */
  readonly batch: number;
  /** Sales of the hour that is open, each a batch. */
  readonly open: number;
  /** Tills that the sales of the month's earlier days are of: their rows are made one by one. */
  readonly selling: number;
}

interface Sale {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly amount: number;
  readonly till: TerminalId;
}

export interface TradingMonth {
  readonly merchant: MerchantId;
  /** Days since 1970, half-open: the last of them is today. */
  readonly days: readonly [from: number, to: number];
  /** All of the range. */
  readonly sales: number;
  /** Of each sale, for another system. */
  readonly points: readonly Sale[];
}

/** Something that is asked for a merchant's month, day by day, and answers a sum of it. */
export interface Answerer {
  readonly name: string;
  /** What it is to answer: how many sales, or what they are worth. */
  readonly expected: number;
  ask(): Promise<number>;
  close(): Promise<void>;
}

const DAYS = 30;
/** Hours of a day in which there are sales. */
const HOURS = [9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
/** Every fifth day is closed: six of a month. */
const isClosed = (day: number): boolean => day % 5 === 4;

const epochOf = (till: number): Epoch => (till + 1).toString(16).padStart(16, '0') as Epoch;
const tillOf = (till: number): TerminalId => `till-${String(till).padStart(4, '0')}` as TerminalId;

export async function tradeMonth(tables: Tables, logic: Logic, trade: Trade): Promise<TradingMonth> {
  const merchant = `month-${randomBytes(4).toString('hex')}` as MerchantId;
  const now = Date.now();
  const today = Math.floor(hourOf(now) / 24);
  const [first, next] = [today - DAYS + 1, random(11)];
  const open = Array.from({ length: today - first }, (_, at) => first + at).filter((day) => !isClosed(day));
  const stores = storesOn(tables);
  const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
  const seqs = new Map<number, number>();
  const points: Sale[] = [];
  const sell = async (hour: number, count: number, batch: number, tills: number, arrival: number): Promise<void> => {
    const batches = [];
    for (let sold = 0; sold < count; sold += batch) {
      const size = Math.min(batch, count - sold);
      const till = Math.floor(sold / batch) % tills;
      const sales = salesOf(hour, size, trade.articles, next);
      for (const { ts, amount } of sales) points.push({ at: ts, amount: amount ?? 0, till: tillOf(till) });
      const firstSeq = seqs.get(till) ?? 1;
      seqs.set(till, firstSeq + size);
      const stream = { epoch: epochOf(till), firstSeq, hour, clearThrough: 0 };
      batches.push({ merchant, terminal: tillOf(till), ...encodeEvents(stream, sales), arrival });
    }
    for (let at = 0; at < batches.length; at += 500) await log.append(batches.slice(at, at + 500));
  };
  const perHour = trade.sales / (open.length * HOURS.length);
  const run = (level: 'hour' | 'day', time: number) =>
    recompute({ merchant, level, time, terminals: null }, logic, stores, () => now);
  let rounds = 0;
  for (const day of open) {
    for (const of of HOURS) {
      const count = Math.round(perHour * ++rounds) - points.length;
      await sell(day * 24 + of, count, trade.batch, trade.selling, (day * 24 + of + 1) * HOUR_MS);
      await run('hour', day * 24 + of);
    }
    await run('day', day);
  }
  // Not just now: what arrived in the last 30 s is looked at again with each question.
  await sell(hourOf(now), trade.open, 1, trade.tills, now - 5 * MINUTE_MS);
  await tellTills(tables, merchant, trade.tills, now);
  return { merchant, days: [first, today + 1], sales: points.length, points };
}

function salesOf(hour: number, count: number, articles: number, next: () => number): TillEvent[] {
  const sales = Array.from({ length: count }, (_, at) => {
    const sale = basket(Math.floor(next() * 1e9), hour * HOUR_MS + Math.floor(((at + 0.5) / count) * HOUR_MS), next);
    const items = sale.items?.map((item) => ({ ...item, sku: `A-${Math.floor(next() * articles)}` }));
    return { ...sale, ...(items && { items }) };
  });
  return parsed(sales);
}

/** All tills are clear through an hour ago, and so is the merchant. */
async function tellTills(tables: Tables, merchant: MerchantId, tills: number, now: number): Promise<void> {
  const { terminals, finality, parked } = storesOn(tables);
  const through = (hourOf(now) - 1) * HOUR_MS;
  const statuses = Array.from({ length: tills }, (_, till) => ({
    ...{ merchant, terminal: tillOf(till), epoch: epochOf(till), lastSeen: now, lastSeq: 1_000, pending: [] },
    ...{ clearThrough: through, closed: [], losses: 0, bufferBytes: 1_000, clockOffsetMs: 3, version: '1.0.0' },
  }));
  for (let at = 0; at < tills; at += 500) await terminals.putStatuses(statuses.slice(at, at + 500));
  await finality.write(merchant, { through, holes: [] }, null);
  await parked.findSpan(merchant, [1]);
}

const OF_MERCHANT: readonly TableName[] = ['events', 'rollups', 'terminals'];

/** The same rows in another store. */
export async function copyMonth(from: Tables, to: Tables, { merchant }: TradingMonth): Promise<void> {
  const start = terminalsPrefix(merchant);
  for (const table of OF_MERCHANT) {
    let rows: Row[] = [];
    const put = async (): Promise<void> => {
      await to.put(table, rows);
      rows = [];
    };
    for await (const row of from.scan(table, { start, stop: prefixEnd(start) })) {
      rows.push(row);
      if (rows.length >= 100) await put();
    }
    await put();
  }
}

/** Bytes of keys and values that the rows of hours take, of all their cells. */
export async function bytesOfHours(tables: Tables, { merchant }: TradingMonth): Promise<number> {
  const start = Buffer.concat([terminalsPrefix(merchant), Buffer.of(0)]);
  let [bytes, rows] = [0, 0];
  for await (const { row, cells } of tables.scan('rollups', { start, stop: prefixEnd(start) })) {
    rows++;
    for (const [column, value] of cells) bytes += row.length + column.length + value.length;
  }
  return bytes / rows;
}
