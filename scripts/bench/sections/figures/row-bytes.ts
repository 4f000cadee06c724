/**
 * What a rollup hour of a small merchant takes in the store: one till, rows made by the product's
 * own runs of real and of simulated sales, a batch each.
 */
import { randomBytes } from 'node:crypto';
import { FIRST_LOGIC, type Logic, logicBy } from '../../../../collector/aggregation/logic/logic-version.ts';
import { storesOn } from '../../../../collector/app/context.ts';
import { recompute } from '../../../../collector/rollup/recompute.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import type { Row, Tables } from '../../../../collector/store/tables.ts';
import type { TillEvent } from '../../../../shared/event/event.ts';
import type { MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { epoch } from '../../../../shared/ids.ts';
import { prefixEnd, terminalsPrefix } from '../../../../shared/keys.ts';
import { SIPHASH_KEY_BYTES } from '../../../../shared/siphash.ts';
import { HOUR_MS, hourOf } from '../../../../shared/time.ts';
import { encodeEvents } from '../../../../shared/wire/batch.ts';
import type { TillEvent as PostedEvent } from '../../../clients/till-event.ts';
import { readTrade } from '../../../datasets/online-retail/read-transactions.ts';
import { history } from '../../../simulate/history.ts';
import { seeded } from '../../../simulate/random.ts';
import { basket, parsed, random } from '../../load/workload.ts';
import { median, quantile, type Section } from '../../measure/report.ts';

const DIMENSIONS = ['method', 'cashier', 'category'];
const TILL = 'till-1' as TerminalId;
const UNTIL = Date.UTC(2026, 10, 15);
const DAYS = 14;
/** Of the corner shop. */
const [SALES_AN_HOUR, OPEN_HOURS, ARTICLES] = [8, [9, 10, 11, 12, 13, 14, 15, 16, 17, 18], 300];
/** Batches of a till arrive some seconds after their sales. */
const DELAY_MS = 1_500;

/** Few sales of two articles each. */
function cornerShop(): PostedEvent[] {
  const next = random(11);
  const from = hourOf(UNTIL) - 24 * DAYS;
  return Array.from({ length: DAYS }, (_, day) =>
    OPEN_HOURS.flatMap((hour) =>
      Array.from({ length: SALES_AN_HOUR }, (_, at) => {
        const start = (from + day * 24 + hour) * HOUR_MS;
        const sale = basket(Math.floor(next() * 1e9), start + Math.floor(((at + 0.5) / SALES_AN_HOUR) * HOUR_MS), next);
        const items = sale.items?.map((item) => ({ ...item, sku: `A-${Math.floor(next() * ARTICLES)}` }));
        return { ...sale, ...(items && { items }) };
      }),
    ),
  ).flat();
}

const simulated = (): PostedEvent[] => [
  ...history({
    ...{ until: UNTIL, days: DAYS, currency: 'GBP', timeZone: 'Europe/London', refPrefix: 'r-1' },
    ...{ cashiers: ['c1-1', 'c2-1', 'c3-1'], random: seeded(1) },
  }),
];

/** @returns the sold hours' rows as they are stored */
async function rowsOf(tables: Tables, logic: Logic, hours: ReadonlyMap<number, readonly TillEvent[]>): Promise<Row[]> {
  const merchant = `rows-${randomBytes(4).toString('hex')}` as MerchantId;
  const stores = storesOn(tables);
  const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
  let firstSeq = 1;
  for (const [hour, events] of hours) {
    const batches = events.map((event) => {
      const stream = { epoch: epoch('9f3c0000000000a1'), firstSeq: firstSeq++, hour, clearThrough: 0 };
      return { merchant, terminal: TILL, ...encodeEvents(stream, [event]), arrival: event.ts + DELAY_MS };
    });
    await log.append(batches);
    const readAt = (hour + 1) * HOUR_MS + 61_234;
    await recompute({ merchant, level: 'hour', time: hour, terminals: null }, logic, stores, () => readAt);
  }
  const start = terminalsPrefix(merchant);
  return Array.fromAsync(tables.scan('rollups', { start, stop: prefixEnd(start) }));
}

const bytesOf = ({ row, cells }: Row, kind: 'cells' | 'all'): number =>
  [...cells].reduce((sum, [column, { length }]) => sum + length + (kind === 'all' ? row.length + column.length : 0), 0);

/** Bytes of the cells of some columns. */
const columnsOf = ({ cells }: Row, columns: RegExp): number =>
  [...cells].reduce((sum, [column, { length }]) => sum + (columns.test(column) ? length : 0), 0);

/** @param file the Online Retail data, or days of it */
export async function rowBytes(tables: Tables, file: string): Promise<Section> {
  const logic = logicBy(FIRST_LOGIC, FIRST_LOGIC, DIMENSIONS)!;
  const trades = {
    'corner shop': cornerShop(),
    'simulated till': simulated(),
    'real invoices': await Array.fromAsync(readTrade(file)),
  };
  const rows = [];
  for (const [name, posted] of Object.entries(trades)) {
    const hours = Map.groupBy(parsed(posted), ({ ts }) => hourOf(ts));
    const found = await rowsOf(tables, logic, hours);
    const sales = [...hours.values()];
    const medianOf = (bytes: (row: Row) => number): number => median(found.map(bytes));
    rows.push({
      ...{ trade: name, hours: found.length, events: median(sales.map(({ length }) => length)) },
      lines: median(sales.map((events) => events.reduce((sum, { items }) => sum + items.length, 0))),
      'cells p50': medianOf((row) => bytesOf(row, 'cells')),
      'with keys p50': medianOf((row) => bytesOf(row, 'all')),
      'with keys p99': quantile(
        found.map((row) => bytesOf(row, 'all')),
        0.99,
      ),
      'meta p50': medianOf((row) => columnsOf(row, /^m:(revision|meta)$/)),
      'partial p50': medianOf((row) => columnsOf(row, /^(p:|m:sole$)/)),
      'views p50': medianOf((row) => columnsOf(row, /^v:/)),
    });
  }
  return {
    name: 'Bytes a rollup hour of a small merchant',
    how: 'One till, single-event batches; an hour’s row in all cells, without and with the row key and column of each cell.',
    rows,
  };
}
