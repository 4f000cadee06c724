/**
 * Throughput of a store adapter: our layout (a row per batch) and a plain one (a row per event)
 * through the same client.
 */
import { randomBytes } from 'node:crypto';
import { EventLog, type ReceivedBatch } from '../../../collector/store/event-log.ts';
import type { Put, Tables } from '../../../collector/store/tables.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { eventsKey, NO_DIGEST } from '../../../shared/keys.ts';
import { SIPHASH_KEY_BYTES } from '../../../shared/siphash.ts';
import { hourOf } from '../../../shared/time.ts';
import { encodeEvents } from '../../../shared/wire/batch.ts';
import type { TillEvent as PostedEvent } from '../../clients/till-event.ts';
import { parsed } from '../load/workload.ts';
import { median, type Section } from '../measure/report.ts';

export interface AdapterUnderTest {
  readonly name: string;
  readonly tables: Tables;
  /** Concurrent calls. */
  readonly concurrency: number;
}

/** Rows per call: about what a group commit gathers under load. */
const ROWS_A_CALL = 500;
const ROUNDS = 3;

/** Runs `calls` with the given concurrency. @returns seconds */
async function seconds(calls: readonly (() => Promise<unknown>)[], concurrency: number): Promise<number> {
  const start = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < calls.length) await calls[next++]!();
    }),
  );
  return (performance.now() - start) / 1000;
}

const chunks = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

/** A new terminal for each round, because a row is written only once. */
const freshTerminal = (): TerminalId => `t-${randomBytes(4).toString('hex')}` as TerminalId;
const freshEpoch = (): Epoch => randomBytes(8).toString('hex') as Epoch;
const merchantOf = (i: number): MerchantId => `bench-${i % 50}` as MerchantId;

function batches(events: readonly PostedEvent[], size: number): ReceivedBatch[] {
  const hour = hourOf(Date.parse(events[0]!.ts));
  const [terminal, epoch] = [freshTerminal(), freshEpoch()];
  return chunks(parsed(events), size).map((batch, i) => {
    const { bytes, header } = encodeEvents({ epoch, firstSeq: 1 + i * size, hour, clearThrough: 0 }, batch);
    return { merchant: merchantOf(i), terminal, header, bytes };
  });
}

function plainRows(events: readonly PostedEvent[]): Put[] {
  const hour = hourOf(Date.parse(events[0]!.ts));
  const [terminal, epoch] = [freshTerminal(), freshEpoch()];
  return events.map((event, i) => ({
    row: eventsKey({
      merchant: merchantOf(i),
      hour,
      kind: 'events',
      terminal,
      epoch,
      firstSeq: i + 1,
      count: 1,
      digest: NO_DIGEST,
    }),
    cells: new Map([['b:json' as const, Buffer.from(JSON.stringify(event))]]),
  }));
}

/** @param events a multiple of 100 */
export async function storeAlone(
  adapters: readonly AdapterUnderTest[],
  events: readonly PostedEvent[],
): Promise<Section> {
  const rows: Record<string, string | number | null>[] = [];
  for (const { name, tables, concurrency } of adapters) {
    const log = new EventLog(tables, randomBytes(SIPHASH_KEY_BYTES));
    const layouts: Record<string, () => (() => Promise<unknown>)[]> = {
      'a row an event (JSON)': () =>
        chunks(plainRows(events), ROWS_A_CALL).map((group) => () => tables.put('events', group)),
      'a row a batch of 1': () => chunks(batches(events, 1), ROWS_A_CALL).map((group) => () => log.append(group)),
      'a row a batch of 100': () =>
        chunks(batches(events, 100), ROWS_A_CALL / 10).map((group) => () => log.append(group)),
    };
    const rates = new Map<string, number[]>();
    // The layouts alternate, so that a slow phase of the machine affects all of them.
    for (let round = 0; round < ROUNDS; round++) {
      for (const [layout, calls] of Object.entries(layouts)) {
        rates.set(layout, [...(rates.get(layout) ?? []), events.length / (await seconds(calls(), concurrency))]);
      }
    }
    const plain = median(rates.get('a row an event (JSON)')!);
    for (const [layout, of] of rates)
      rows.push({ store: name, layout, 'events/s': median(of), 'of plain': median(of) / plain });
  }
  return {
    name: 'The store alone',
    how: `${events.length.toLocaleString('en-US')} small baskets over 50 merchants, ${ROWS_A_CALL} rows a call, durable before the call returns; medians of ${ROUNDS} turns.`,
    rows,
  };
}
