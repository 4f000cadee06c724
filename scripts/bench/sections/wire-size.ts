/** Bytes on the wire and CPU nanoseconds of the codecs, for batches of several sizes. */
import { hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PartialFold } from '../../../collector/aggregation/fold.ts';
import { logicBy } from '../../../collector/aggregation/logic/logic-version.ts';
import { runToEnd } from '../../../shared/cooperative.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import { eventsKey, NO_DIGEST } from '../../../shared/keys.ts';
import { hourOf } from '../../../shared/time.ts';
import { type BatchIdentity, decodeBatch, encodeEvents } from '../../../shared/wire/batch.ts';
import type { TillEvent as PostedEvent } from '../../clients/till-event.ts';
import { parsed } from '../load/workload.ts';
import { median, type Section } from '../measure/report.ts';

const SIZES = [1, 10, 100, 1_000];
const ROUNDS = 15;
/** Events handled in one timed round, at least. */
const ROUND_EVENTS = 4_000;

const logic = logicBy(1, 1, ['method', 'cashier', 'category'])!;

interface Workload {
  readonly name: string;
  /** All in one hour. */
  readonly events: readonly PostedEvent[];
}

const identity = (hour: number): BatchIdentity => ({
  epoch: '00112233445566ff' as Epoch,
  firstSeq: 1,
  hour,
  clearThrough: hour * 3_600_000,
});

/** Cuts the workload into batches of `size`, at most 200 of them. */
function batchesOf<T>(events: readonly T[], size: number): T[][] {
  const count = Math.min(200, Math.floor(events.length / size));
  return Array.from({ length: count }, (_, i) => events.slice(i * size, (i + 1) * size));
}

export function wireBytes(workloads: readonly Workload[]): Section {
  const rows = workloads.flatMap(({ name, events }) =>
    SIZES.map((size) => {
      const hour = hourOf(Date.parse(events[0]!.ts));
      const batches = batchesOf(events, size);
      const count = batches.length * size;
      const sum = (bytes: (batch: PostedEvent[]) => number): number =>
        batches.reduce((total, batch) => total + bytes(batch), 0) / count;
      const ours = sum((batch) => encodeEvents(identity(hour), parsed(batch)).bytes.length);
      const without = sum((batch) => encodeEvents(identity(hour), parsed(batch), null).bytes.length);
      const gzip = sum((batch) => gzipSync(JSON.stringify(batch)).length);
      return {
        events: name,
        'batch of': size,
        'bytes/event': ours,
        'no dictionary': without,
        'JSON+gzip': gzip,
        'ours/gzip': ours / gzip,
        JSON: sum((batch) => JSON.stringify(batch).length),
      };
    }),
  );
  return {
    name: 'Bytes on the wire',
    how: 'A whole wire batch (header and body, zstd where it helps, with a dictionary where small) against the same posts as JSON with gzip -6.',
    rows,
  };
}

/** Median nanoseconds per event of one pass over all batches. */
function nanoseconds<T>(batches: readonly T[], eventsInAll: number, work: (batch: T) => void): number {
  const passes = Math.max(1, Math.ceil(ROUND_EVENTS / eventsInAll));
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.hrtime.bigint();
    for (let pass = 0; pass < passes; pass++) for (const batch of batches) work(batch);
    return Number(process.hrtime.bigint() - start) / (passes * eventsInAll);
  });
  return median(rounds.slice(3));
}

export function pureCode(workloads: readonly Workload[]): Section {
  const rows = workloads.flatMap(({ name, events }) =>
    SIZES.map((size) => {
      const hour = hourOf(Date.parse(events[0]!.ts));
      const posted = batchesOf(events, size);
      const count = posted.length * size;
      const batches = posted.map((batch) => parsed(batch));
      const texts = posted.map((batch) => JSON.stringify(batch));
      const encoded = batches.map((batch, i) => encodeEvents({ ...identity(hour), firstSeq: 1 + i * size }, batch));
      const bare = batches.map((batch) => encodeEvents(identity(hour), batch, null));
      const rowKeys = encoded.map(({ header }) =>
        eventsKey({ ...header, merchant: 'm' as MerchantId, terminal: 't' as TerminalId, digest: NO_DIGEST }),
      );
      // A fresh partial aggregate for each pass, because a seq is counted only once.
      let part = new PartialFold(logic);
      const decodeAndFold = (index: number): void => {
        if (index === 0) part = new PartialFold(logic);
        const { bytes, header } = encoded[index]!;
        const batch = decodeBatch(bytes);
        if (!batch.ok || batch.kind !== 'events') throw new Error('a batch just encoded is refused');
        const { epoch, firstSeq } = header;
        const row = { rowKey: rowKeys[index]!, arrival: 0, epoch, firstSeq, count: size, columns: batch.columns };
        runToEnd(part.add(row));
      };
      return {
        events: name,
        'batch of': size,
        'parse ns': nanoseconds(texts, count, (text) => parsed(JSON.parse(text) as PostedEvent[])),
        'encode ns': nanoseconds(batches, count, (batch) => encodeEvents(identity(hour), batch)),
        'no dictionary': nanoseconds(batches, count, (batch) => encodeEvents(identity(hour), batch, null)),
        'decode ns': nanoseconds(encoded, count, ({ bytes }) => decodeBatch(bytes)),
        'no dict.': nanoseconds(bare, count, ({ bytes }) => decodeBatch(bytes)),
        'decode+fold ns': nanoseconds([...encoded.keys()], count, decodeAndFold),
        'JSON.parse ns': nanoseconds(texts, count, (text) => JSON.parse(text)),
        'SHA-256 ns': nanoseconds(texts, count, (text) => hash('sha256', text)),
      };
    }),
  );
  return {
    name: 'Nanoseconds an event, one core',
    how: `Medians of ${ROUNDS - 3} rounds. Beside them, as a scale: JSON.parse and SHA-256 of the same posts.`,
    rows,
  };
}
