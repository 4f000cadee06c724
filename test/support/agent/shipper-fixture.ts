/** A shipper on a real buffer, with a scripted collector on a real broker, and time that passes when a test says so. */
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import type { LearningKeepAlive } from '../../../agent/ship/connection/keep-alive.ts';
import { Shipper, type ShipperDependencies } from '../../../agent/ship/shipper.ts';
import { MERCHANT, NOW, parsed, sale, TERMINAL } from './events.ts';
import { FakeTimers, until } from './fake-timers.ts';
import { type Batch, type CollectorOptions, ScriptedCollector } from './scripted-collector.ts';
import { scratchBuffer } from './temp-buffer.ts';

export interface Fixture {
  readonly buffer: SqliteBuffer;
  readonly collector: ScriptedCollector;
  readonly shipper: Shipper;
  readonly timers: FakeTimers;
  readonly warnings: string[];
  /** From 0 to less than 1, for every random choice. */
  chance: number;
  accept(from: number, count: number): Promise<unknown>;
}

/** Where time passes in jumps, no ping could be answered in time. */
const NO_PINGS: LearningKeepAlive = {
  seconds: 65_000,
  pingAnswered: () => {},
  cutAfter: () => {},
  confirm: () => {},
  doubt: () => {},
};

export async function fixture(
  t: Test,
  options: Partial<ShipperDependencies> = {},
  collecting: CollectorOptions = {},
): Promise<Fixture> {
  // A test with another buffer has made its folder already: made again, it would be emptied.
  const folder = existsSync(t.testdirName) ? t.testdirName : t.testdir();
  const buffer = scratchBuffer(mkdtempSync(join(folder, 'fixture-'))).open();
  const collector = await ScriptedCollector.start({ now: () => NOW + 5_000, ...collecting });
  const timers = new FakeTimers();
  const warnings: string[] = [];
  const made: Omit<Fixture, 'shipper'> = {
    buffer,
    collector,
    timers,
    warnings,
    chance: 0.5,
    accept: (from, count) => buffer.accept(Array.from({ length: count }, (_, at) => parsed(sale(`R-${from + at}`)))),
  };
  const shipper = new Shipper({
    outbox: buffer,
    merchant: MERCHANT,
    terminal: TERMINAL,
    stream: buffer.stream,
    addresses: [{ protocol: 'mqtt', host: '127.0.0.1', port: collector.port, path: null }],
    credentials: () => ({ token: 'secret', ca: null, cert: null, key: null }),
    version: '1.2.3',
    lingerMs: 50,
    reconnectMaxMs: 60_000,
    keepAliveOf: () => NO_PINGS,
    oldestRequest: () => null,
    preparing: () => null,
    now: () => NOW,
    wallClock: () => NOW,
    onCollectorTime: () => {},
    backlogSent: () => {},
    random: () => made.chance,
    timers,
    log: { info: () => {}, warn: (message) => warnings.push(message) },
    ...options,
  });
  t.teardown(async () => {
    const stopped = shipper.stop();
    timers.advance(10_000);
    await stopped;
    await collector.stop();
    buffer.close();
  });
  return Object.assign(made, { shipper });
}

/** Waits until all that was sent has arrived at the broker: time may pass then without a line to blame. */
export const quiet = (shipper: Shipper) => until(() => shipper.report().line?.bytesUnderWay === 0, 'a quiet line');

export const settled = (buffer: SqliteBuffer, count: number) =>
  until(() => buffer.facts().acked === count, `${count} acked, of ${JSON.stringify(buffer.facts())}`);
export const seqs = ({ header }: Batch) => [header.firstSeq, header.firstSeq + header.count - 1];
