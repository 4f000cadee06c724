/**
 * An open hour at size: single sales of thousands of tills arrive while the hour is asked for. The
 * figures alone, without HTTP.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { FIRST_LOGIC, logicBy } from '../../../../collector/aggregation/logic/logic-version.ts';
import { LiveHours } from '../../../../collector/api/figures/live-hours.ts';
import { API_LIMITS } from '../../../../collector/api/limits.ts';
import { EventLog, type ReceivedBatch } from '../../../../collector/store/event-log.ts';
import type { Scan, TableName, Tables } from '../../../../collector/store/tables.ts';
import type { TillEvent } from '../../../../shared/event/event.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { SIPHASH_KEY_BYTES } from '../../../../shared/siphash.ts';
import { HOUR_MS, hourOf, MINUTE_MS } from '../../../../shared/time.ts';
import { encodeEvents } from '../../../../shared/wire/batch.ts';
import { baskets, parsed } from '../../load/workload.ts';
import { quantile, type Section } from '../../measure/report.ts';
import type { AdapterUnderTest } from '../store-throughput.ts';

const TILLS = 5_000;
const PUT_EVERY_MS = 100;
const ASK_EVERY_MS = 1_000;
const MIB = 1024 * 1024;
const logic = logicBy(FIRST_LOGIC, FIRST_LOGIC, ['method'])!;

export interface LiveLoad {
  /** In the hour when the first question comes. */
  readonly rows: number;
  readonly rowsPerSecond: number;
  readonly seconds: number;
}

/** Counts the rows that scans and reads return. */
class CountedTables {
  read = 0;
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async *scan(table: TableName, scan: Scan): ReturnType<Tables['scan']> {
    for await (const row of this.#tables.scan(table, scan)) {
      this.read++;
      yield row;
    }
  }

  async get(...[table, rows, columns]: Parameters<Tables['get']>): ReturnType<Tables['get']> {
    this.read += rows.length;
    return await this.#tables.get(table, rows, columns);
  }
}

/** Sale by sale, each till in turn. */
class Tills {
  readonly #log: EventLog;
  readonly #merchant: MerchantId;
  readonly #hour: number;
  readonly #events: readonly TillEvent[];
  #sent = 0;

  constructor(log: EventLog, merchant: MerchantId, hour: number) {
    this.#log = log;
    this.#merchant = merchant;
    this.#hour = hour;
    this.#events = parsed(baskets(2_000, hour * HOUR_MS));
  }

  /** @param arrival as if they had come then, milliseconds since 1970; left out: now */
  async send(count: number, arrival?: number): Promise<void> {
    const time = arrival === undefined ? {} : { arrival };
    await this.#log.append(Array.from({ length: count }, () => ({ ...this.#next(), ...time })));
  }

  #next(): ReceivedBatch {
    const at = this.#sent++;
    const till = at % TILLS;
    // Each till sells other things each time.
    const sale = this.#events[(at * 7_919 + Math.floor(at / TILLS) * 131) % this.#events.length]!;
    const epoch = (till + 1).toString(16).padStart(16, '0') as Epoch;
    const stream = { epoch, firstSeq: 1 + Math.floor(at / TILLS), hour: this.#hour, clearThrough: 0 };
    const event = { ...sale, ref: `R-${at}` };
    const terminal = `till-${String(till).padStart(4, '0')}` as TerminalId;
    return { merchant: this.#merchant, terminal, ...encodeEvents(stream, [event]) };
  }
}

async function ask(live: LiveHours, merchant: MerchantId, hour: number): Promise<number> {
  const start = performance.now();
  const { cubes } = await live.figures(merchant, hour, 'total', logic);
  let sales = 0;
  for (const cube of cubes)
    for (const { slots } of cube.groups()) for (const { count } of slots.values()) sales += count;
  if (sales === 0) throw new Error('the hour has no sales');
  return performance.now() - start;
}

async function measure({ name, tables, concurrency }: AdapterUnderTest, load: LiveLoad) {
  const merchant = `bench-${randomBytes(4).toString('hex')}` as MerchantId;
  const hour = hourOf(Date.now());
  const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
  const tills = new Tills(log, merchant, hour);
  const earlier = Date.now() - 5 * MINUTE_MS;
  let left = load.rows;
  const fill = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(1_000, left);
      left -= count;
      await tills.send(count, earlier);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, fill));
  const counted = new CountedTables(tables);
  const live = new LiveHours({
    log: new EventLog(counted as unknown as Tables),
    ...{ clock: () => performance.now(), now: Date.now, freshForMs: 250, maxBytes: 8 * API_LIMITS.liveHourBytes.value },
    ...{ marginMs: API_LIMITS.liveHourMargin.value, checkMs: API_LIMITS.liveHourCheck.value },
  });
  const before = process.memoryUsage().rss;
  const first = await ask(live, merchant, hour);
  const memory = process.memoryUsage().rss - before;
  const signal = AbortSignal.timeout(load.seconds * 1_000);
  const sell = async (): Promise<void> => {
    for (const start = performance.now(); !signal.aborted; await wait(PUT_EVERY_MS)) {
      const due = Math.floor(((performance.now() - start) / 1_000) * load.rowsPerSecond);
      if (due > sold) await tills.send(due - sold);
      sold = Math.max(sold, due);
    }
  };
  let sold = 0;
  const waits: number[] = [];
  const read: number[] = [];
  const asker = async (): Promise<void> => {
    for (; !signal.aborted; await wait(ASK_EVERY_MS)) {
      counted.read = 0;
      waits.push(await ask(live, merchant, hour));
      read.push(counted.read);
    }
  };
  await Promise.all([sell(), asker()]);
  return {
    store: name,
    rows: load.rows,
    'first s': first / 1_000,
    'MiB then': memory / MIB,
    'rows/s': sold / load.seconds,
    questions: waits.length,
    'p50 ms': quantile(waits, 0.5),
    'p99 ms': quantile(waits, 0.99),
    'rows read p50': quantile(read, 0.5),
  };
}

export async function liveHour(adapters: readonly AdapterUnderTest[], load: LiveLoad): Promise<Section> {
  const rows = [];
  for (const adapter of adapters) rows.push(await measure(adapter, load));
  return {
    name: 'An open hour at size',
    how: `Single sales of ${TILLS.toLocaleString('en-US')} tills, ${load.rowsPerSecond} a second, come into an hour that has many; a question for the total a second. Rows read by the question and the piece of a check before it.`,
    rows,
  };
}
