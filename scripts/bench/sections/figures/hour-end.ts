/** How long after an hour's end the rows of many small merchants are there, on one machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { storesOn } from '../../../../collector/app/context.ts';
import { openTables } from '../../../../collector/main.ts';
import { Control } from '../../../../collector/store/control.ts';
import { EventLog, type ReceivedBatch } from '../../../../collector/store/event-log.ts';
import { isFinalityRow } from '../../../../collector/store/finality.ts';
import type { Tables } from '../../../../collector/store/tables.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { parseRollupKey } from '../../../../shared/keys.ts';
import { HOUR_MS, hourOf, MINUTE_MS, minuteOf } from '../../../../shared/time.ts';
import { encodeEvents } from '../../../../shared/wire/batch.ts';
import { CollectorProcess } from '../../../processes/collector.ts';
import { freePorts } from '../../../processes/ports.ts';
import { baskets, parsed } from '../../load/workload.ts';
import { cpuSecondsOf } from '../../measure/process-memory.ts';
import { quantile, type Section } from '../../measure/report.ts';

const SALES = 20;
const EPOCH = '00112233445566ff' as Epoch;
const MERCHANTS_PER_WRITE = 100;
const START_MS = 60_000;
const STOP_MS = 15_000;
/** The collector has begun by then. */
const AHEAD_MS = 30_000;
const POLL_MS = 2_000;
const CPU_EVERY_MS = 100;
const GRACE_SECONDS = 120;
const EVERYTHING = { start: Uint8Array.of(), stop: Uint8Array.of(0xff, 0xff) };

/** Every second merchant has a second till. */
const tillsOf = (at: number): TerminalId[] => (['till-1', 'till-2'] as TerminalId[]).slice(0, 1 + (at % 2));

/** One merchant's raw rows: a batch of each sale, as a till sends them that sells now and then. */
function rawRows(at: number, hour: number, clearThrough: number): ReceivedBatch[] {
  const tills = tillsOf(at);
  const seqs = new Map<TerminalId, number>();
  return parsed(baskets(SALES, hour * HOUR_MS)).map((event, i) => {
    const terminal = tills[i % tills.length]!;
    const firstSeq = (seqs.get(terminal) ?? 0) + 1;
    seqs.set(terminal, firstSeq);
    const { bytes, header } = encodeEvents({ epoch: EPOCH, firstSeq, hour, clearThrough }, [event]);
    return { merchant: '' as MerchantId, terminal, header, bytes, arrival: (hour + i / SALES) * HOUR_MS };
  });
}

/** Sales, what the tills say of their clearance, and due marks, as ingest makes them. */
async function fill(tables: Tables, merchants: number, hour: number): Promise<void> {
  const log = new EventLog(tables, await new Control(tables).digestKey(new Uint8Array(16)));
  const { finality } = storesOn(tables);
  const clearThrough = (hour + 1) * HOUR_MS;
  // What they say does not name the merchant.
  const alike = [0, 1].map((at) => rawRows(at, hour, clearThrough));
  for (let from = 0; from < merchants; from += MERCHANTS_PER_WRITE) {
    const those = Array.from({ length: Math.min(MERCHANTS_PER_WRITE, merchants - from) }, (_, i) => from + i);
    await log.append(those.flatMap((at) => alike[at % 2]!.map((row) => ({ ...row, merchant: nameOf(at) }))));
    const said = { epoch: EPOCH, clearThrough, lastSeq: SALES, at: Date.now() };
    await finality.putClearances(
      those.flatMap((at) => tillsOf(at).map((terminal) => ({ ...said, merchant: nameOf(at), terminal }))),
    );
  }
}

const nameOf = (at: number): MerchantId => `shop-${String(at).padStart(6, '0')}` as MerchantId;

/** @returns the minute in which all is due: a grace after the hour's end, if it ended now */
async function mark(tables: Tables, merchants: number, hour: number): Promise<number> {
  const { marks } = storesOn(tables);
  const minute = minuteOf(Date.now() + AHEAD_MS) + 1;
  const all = Array.from({ length: merchants }, (_, at) => nameOf(at));
  for (let from = 0; from < merchants; from += MERCHANTS_PER_WRITE)
    await marks.add(
      all.slice(from, from + MERCHANTS_PER_WRITE).flatMap((merchant, i) => [
        ...tillsOf(from + i).map((terminal) => ({
          ...{ minute, merchant, level: 'hour' as const, time: hour, terminals: [terminal] },
        })),
        { minute, merchant, level: 'finality' as const, time: 0, terminals: [] },
      ]),
    );
  return minute;
}

/** When each hour's row was published, milliseconds since 1970, in order. */
async function published(tables: Tables): Promise<number[]> {
  const times: number[] = [];
  for await (const { row, time } of tables.scan('rollups', { ...EVERYTHING, keysOnly: true }))
    if (parseRollupKey(row).level === 'hour') times.push(time);
  return times.sort((a, b) => a - b);
}

async function finals(tables: Tables): Promise<number[]> {
  const times: number[] = [];
  for await (const row of tables.scan('terminals', { ...EVERYTHING, columns: ['m:finality'] }))
    if (isFinalityRow(row)) times.push(row.time);
  return times.sort((a, b) => a - b);
}

/** CPU seconds of a process, by the time at which it had used them. */
class CpuWatch implements Disposable {
  readonly #samples: { readonly at: number; readonly seconds: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    const sample = (): void => void this.#samples.push({ at: Date.now(), seconds: cpuSecondsOf(pid) ?? 0 });
    sample();
    this.#timer = setInterval(sample, CPU_EVERY_MS);
  }
  at(time: number): number {
    return (this.#samples.find(({ at }) => at >= time) ?? this.#samples.at(-1)!).seconds;
  }
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

async function until(count: (tables: Tables) => Promise<number[]>, tables: Tables, all: number): Promise<number[]> {
  for (;;) {
    const times = await count(tables);
    if (times.length >= all) return times;
    await wait(POLL_MS);
  }
}

export async function hourEnd(merchants: number): Promise<Section> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-bench-'));
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const store = { kind: 'sqlite', path: path.join(folder, 'store.db') } as const;
  const collector = new CollectorProcess({ folder, httpPort, mqttPort, store });
  await collector.init();
  const tables = await openTables(store);
  try {
    const hour = hourOf(Date.now()) - 1;
    await fill(tables, merchants, hour);
    const minute = await mark(tables, merchants, hour);
    await collector.start(START_MS);
    const due = minute * MINUTE_MS;
    await wait(due - Date.now());
    using cpu = new CpuWatch(collector.child.pid);
    const rows = await until(published, tables, merchants);
    const final = await until(finals, tables, merchants);
    const row = (what: string, times: readonly number[], from: number) => {
      const seconds = times.map((time) => (time - due) / 1_000 + GRACE_SECONDS);
      return {
        ...{ what, merchants: times.length, 'p50, s': quantile(seconds, 0.5), 'p99, s': quantile(seconds, 0.99) },
        ...{ 'last, s': seconds.at(-1)!, 'CPU ms each': ((cpu.at(times.at(-1)!) - cpu.at(from)) / merchants) * 1_000 },
      };
    };
    return {
      name: 'Rows of an hour that ended',
      how: `seconds after the hour's end, ${GRACE_SECONDS} of them grace; ${SALES} sales of each merchant at one or two tills, a batch each; CPU of the whole collector; SQLite`,
      rows: [row('the hour has its row', rows, due), row('the hour is final', final, rows.at(-1)!)],
    };
  } finally {
    if (collector.started) await collector.child.stop(STOP_MS);
    await tables.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
