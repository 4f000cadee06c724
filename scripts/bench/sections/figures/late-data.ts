/** Late events: what one costs at a giant merchant, and whether a backlog holds up live hours. */
import { randomBytes } from 'node:crypto';
import { logicBy } from '../../../../collector/aggregation/logic/logic-version.ts';
import { storesOn } from '../../../../collector/app/context.ts';
import { RollupRunner } from '../../../../collector/rollup/passes/runner.ts';
import { recompute } from '../../../../collector/rollup/recompute.ts';
import { dueMinute } from '../../../../collector/store/due-marks.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { LogicSet } from '../../../../collector/store/logic-versions.ts';
import type { Row, TableName, Tables } from '../../../../collector/store/tables.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { type Level, parseRollupKey } from '../../../../shared/keys.ts';
import { SIPHASH_KEY_BYTES } from '../../../../shared/siphash.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, minuteOf } from '../../../../shared/time.ts';
import { encodeEvents } from '../../../../shared/wire/batch.ts';
import { baskets, parsed } from '../../load/workload.ts';
import { quantile, type Section } from '../../measure/report.ts';

const DIMENSIONS = ['method', 'cashier', 'category'];
const LOGIC = logicBy(1, 1, DIMENSIONS)!;
const EPOCH = '00112233445566ff' as Epoch;
const GRACE_MS = 120_000;
const BATCHES_PER_WRITE = 1_000;

/** Calls to the store, and how much they carry. */
class CountedTables {
  readonly #tables: Tables;
  reads = 0;
  writes = 0;
  largestCall = 0;
  largestCell = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }
  get expiresAfterMs(): number | null {
    return this.#tables.expiresAfterMs;
  }
  #sizeOf(rows: Iterable<Pick<Row, 'cells'>>): number {
    let size = 0;
    for (const { cells } of rows)
      for (const cell of cells.values()) {
        size += cell.length;
        this.largestCell = Math.max(this.largestCell, cell.length);
      }
    return size;
  }
  #carried(bytes: number): void {
    this.largestCall = Math.max(this.largestCall, bytes);
  }
  async get(...args: Parameters<Tables['get']>): Promise<(Row | null)[]> {
    const rows = await this.#tables.get(...args);
    const found = rows.filter((row) => row !== null);
    if (isRollups(args[0])) this.reads += found.length;
    this.#carried(this.#sizeOf(found));
    return rows;
  }
  /** The largest row stands for a call: pages have as many rows as fit. */
  async *scan(...args: Parameters<Tables['scan']>): AsyncIterable<Row> {
    for await (const row of this.#tables.scan(...args)) {
      if (isRollups(args[0])) this.reads++;
      this.#carried(this.#sizeOf([row]));
      yield row;
    }
  }
  put(...args: Parameters<Tables['put']>): Promise<void> {
    if (isRollups(args[0])) this.writes += args[1].length;
    this.#carried(this.#sizeOf(args[1]));
    return this.#tables.put(...args);
  }
  checkAndPut(...args: Parameters<Tables['checkAndPut']>): Promise<boolean> {
    if (isRollups(args[0])) this.writes++;
    this.#carried(this.#sizeOf([args[2]]));
    return this.#tables.checkAndPut(...args);
  }
  delete(...args: Parameters<Tables['delete']>): Promise<void> {
    return this.#tables.delete(...args);
  }
}

const isRollups = (table: TableName): boolean => table === 'rollups' || table === 'history';

interface Sale {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly hour: number;
  readonly firstSeq: number;
  readonly events: Parameters<typeof encodeEvents>[1];
}

const batchOf = ({ merchant, terminal, hour, firstSeq, events }: Sale) => {
  const { bytes, header } = encodeEvents({ epoch: EPOCH, firstSeq, hour, clearThrough: 0 }, events);
  return { merchant, terminal, header, bytes };
};

const till = (at: number): TerminalId => `till-${String(at).padStart(5, '0')}` as TerminalId;

export interface GiantLoad {
  readonly tills: number;
  readonly days: number;
  /** Hours of the day in which all tills sell. */
  readonly hours: number;
}

/** A merchant of many tills in one day, and of one in the others. */
async function giant(
  tables: Tables,
  { tills, days, hours }: GiantLoad,
): Promise<{ merchant: MerchantId; day: number }> {
  const merchant = `giant-${randomBytes(4).toString('hex')}` as MerchantId;
  const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
  const day = Math.floor(Date.now() / DAY_MS) - 2;
  for (let hour = day * 24; hour < day * 24 + hours; hour++) {
    const sales = parsed(baskets(2 * tills, hour * HOUR_MS));
    for (let at = 0; at < tills; at += BATCHES_PER_WRITE)
      await log.append(
        Array.from({ length: Math.min(BATCHES_PER_WRITE, tills - at) }, (_, i) => {
          const of = at + i;
          const events = [sales[of]!, sales[tills + of]!];
          return batchOf({ merchant, terminal: till(of), hour, firstSeq: 1 + 2 * (hour - day * 24), events });
        }),
      );
  }
  const others = Array.from({ length: days - 1 }, (_, at) => (day - 1 - at) * 24 + 9);
  await log.append(
    others.map((hour) => {
      const events = parsed(baskets(1, hour * HOUR_MS));
      return batchOf({ merchant, terminal: till(0), hour, firstSeq: 1_000_000 + hour, events });
    }),
  );
  const stores = storesOn(tables);
  for (const hour of others) await recompute(dueOf(merchant, 'hour', hour), LOGIC, stores, Date.now);
  for (let hour = day * 24; hour < day * 24 + hours; hour++)
    await recompute(dueOf(merchant, 'hour', hour), LOGIC, stores, Date.now);
  await recompute(dueOf(merchant, 'day', day), LOGIC, stores, Date.now);
  return { merchant, day };
}

const dueOf = (merchant: MerchantId, level: Level, time: number, terminals: ReadonlySet<TerminalId> | null = null) => ({
  ...{ merchant, level, time, terminals },
});

export async function lateEvent(tables: Tables, load: GiantLoad): Promise<Section> {
  const { merchant, day } = await giant(tables, load);
  const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
  const hour = day * 24 + 1;
  const run = async (what: string, level: Level, terminals: ReadonlySet<TerminalId> | null) => {
    const counted = new CountedTables(tables);
    const before = process.threadCpuUsage();
    const start = performance.now();
    const time = level === 'hour' ? hour : day;
    await recompute(dueOf(merchant, level, time, terminals), LOGIC, storesOn(counted as unknown as Tables), Date.now);
    const { user, system } = process.threadCpuUsage(before);
    return {
      ...{ run: what, 'rows read': counted.reads, 'rows written': counted.writes, 'CPU ms': (user + system) / 1_000 },
      ...{ ms: performance.now() - start, 'largest call, bytes': counted.largestCall },
      'largest cell, bytes': counted.largestCell,
    };
  };
  const rows = [];
  for (let at = 0; at < 3; at++) {
    const terminal = till(7 + at);
    const events = parsed(baskets(1, hour * HOUR_MS));
    await log.append([batchOf({ merchant, terminal, hour, firstSeq: 2_000_000, events })]);
    rows.push(await run(`hour, late event ${at + 1}`, 'hour', new Set([terminal])));
    rows.push(await run(`day, late event ${at + 1}`, 'day', new Set([terminal])));
  }
  rows.push(await run('hour, refolded as a whole', 'hour', null), await run('day, of all tills', 'day', null));
  return {
    name: 'One late event of one till of a giant merchant',
    how: `${load.tills} tills with a batch of two sales in each of ${load.hours} hours of a day, ${load.days} days in all; rows of rollups and history; CPU of the main thread`,
    rows,
  };
}

export interface BacklogLoad {
  readonly tills: number;
  readonly hours: number;
  /** Merchants whose hour ends in each minute. */
  readonly live: number;
  readonly minutes: number;
}

/** A minute lasts so much less, for runners and the clock of the marks. */
const SPEEDUP = 6;
const TIMER_MS = 5;

/** How long hours that just ended wait for their row from the minute on in which they are due. */
async function waits(tables: Tables, { live, minutes }: BacklogLoad, salt: string): Promise<number[]> {
  const stores = storesOn(tables);
  const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
  const base = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS + GRACE_MS;
  const hour = Math.floor((base - GRACE_MS) / HOUR_MS) - 1;
  const events = parsed(baskets(2, hour * HOUR_MS));
  const due = new Map<string, number>();
  for (let minute = 1; minute <= minutes; minute++)
    for (let at = 0; at < live; at++) {
      const merchant = `live-${salt}-${minute}-${at}` as MerchantId;
      await log.append([batchOf({ merchant, terminal: till(at), hour, firstSeq: 1, events })]);
      const mark = { minute: minuteOf(base) + minute, merchant, level: 'hour' as const, time: hour };
      await stores.marks.add([{ ...mark, terminals: [till(at)] }]);
      due.set(merchant, (minute * MINUTE_MS) / SPEEDUP);
    }
  const start = performance.now();
  const found: number[] = [];
  const { rollups } = stores;
  const publish: typeof rollups.publish = async (...args) => {
    const isPublished = await rollups.publish(...args);
    const [{ merchant, level }] = args;
    const at = level === 'hour' ? due.get(merchant) : undefined;
    // What another pass publishes again is no first row.
    if (at !== undefined && due.delete(merchant)) found.push(performance.now() - start - at);
    return isPublished;
  };
  const now = (): number => base + (performance.now() - start) * SPEEDUP;
  const faults: Error[] = [];
  const runner = new RollupRunner({
    ...stores,
    rollups: {
      ...{ read: rollups.read.bind(rollups), scan: rollups.scan.bind(rollups) },
      ...{ terminals: rollups.terminals.bind(rollups), publish },
    },
    logics: { read: async () => new LogicSet([{ version: 1, rules: 1, dimensions: DIMENSIONS, state: 'live' }], []) },
    ...{ now, clock: () => (performance.now() - start) * SPEEDUP, graceMs: GRACE_MS, concurrency: 2 },
    ...{
      onFailure: (_job, error) => faults.push(error),
      onParked: (_due, part) => faults.push(new Error(part.detail)),
    },
  });
  const passes: Promise<unknown>[] = [];
  for (let minute = 0; minute <= minutes; minute++) {
    // A timer may fire a little early.
    const wait = (minute * MINUTE_MS) / SPEEDUP + TIMER_MS - (performance.now() - start);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    passes.push(runner.runDue());
  }
  await new Promise((resolve) => setTimeout(resolve, MINUTE_MS / SPEEDUP));
  await runner.stop();
  await Promise.allSettled(passes);
  if (faults.length > 0) throw faults[0]!;
  return found;
}

export async function backlogBesideLive(open: () => Promise<Tables>, load: BacklogLoad): Promise<Section> {
  const row = (what: string, times: readonly number[], left: number) => ({
    ...{ beside: what, hours: times.length, 'p50, ms': quantile(times, 0.5), 'p99, ms': quantile(times, 0.99) },
    'late hours left': left,
  });
  const [idle, busy] = [await open(), await open()];
  const alone = await waits(idle, load, 'a');
  const stores = storesOn(busy);
  const log = new EventLog(busy, randomBytes(SIPHASH_KEY_BYTES));
  const end = Math.floor(Date.now() / HOUR_MS) - 24;
  const minute = dueMinute(end * HOUR_MS, Date.now(), GRACE_MS);
  const hours = Array.from({ length: load.hours }, (_, i) => end - load.hours + i);
  const sales = new Map(hours.map((hour) => [hour, parsed(baskets(2, hour * HOUR_MS))]));
  for (let at = 0; at < load.tills; at++) {
    const merchant = `late-${at}` as MerchantId;
    await log.append(
      hours.map((hour) => batchOf({ merchant, terminal: till(at), hour, firstSeq: hour, events: sales.get(hour)! })),
    );
    const mark = { minute, merchant, level: 'hour' as const, terminals: [till(at)] };
    await stores.marks.add(hours.map((hour) => ({ ...mark, time: hour })));
  }
  const beside = await waits(busy, load, 'b');
  let done = 0;
  for await (const { row } of busy.scan('rollups', {
    start: Buffer.of(),
    stop: Buffer.of(0xff, 0xff),
    keysOnly: true,
  })) {
    const { merchant, level } = parseRollupKey(row);
    if (level === 'hour' && merchant.startsWith('late-')) done++;
  }
  for (const tables of [idle, busy]) await tables.close();
  return {
    name: 'Hours that just ended, beside a backlog',
    how: `from the minute an hour is due, a grace after its end, to its row; ${load.live} merchants a minute, minutes ${SPEEDUP} times as fast; backlog: ${load.tills} tills of as many merchants with ${load.hours} hours each; SQLite`,
    rows: [row('nothing', alone, 0), row('the backlog', beside, load.tills * load.hours - done)],
  };
}
