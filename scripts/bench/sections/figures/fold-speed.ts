/** CPU time of decoding and folding raw rows: from columns, beside a fold that makes objects. */
import { PartialFold } from '../../../../collector/aggregation/fold.ts';
import { RULES } from '../../../../collector/aggregation/logic/logic-rules.ts';
import { readRow, type StoredRow } from '../../../../collector/aggregation/raw-row.ts';
import { runToEnd } from '../../../../shared/cooperative.ts';
import type { MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { epoch } from '../../../../shared/ids.ts';
import { eventsKey } from '../../../../shared/keys.ts';
import { hourOf } from '../../../../shared/time.ts';
import { encodeEvents, unpackBatches } from '../../../../shared/wire/batch.ts';
import { unpackBody } from '../../../../shared/wire/compression.ts';
import { releasedDictionary } from '../../../../shared/wire/dictionaries/released.ts';
import { readHeader } from '../../../../shared/wire/header.ts';
import { unpack } from '../../../../shared/wire/message-pack.ts';
import { ObjectFold, readObjects } from '../../../../test/support/oracle/object-fold.ts';
import type { TillEvent as PostedEvent } from '../../../clients/till-event.ts';
import { parsed } from '../../load/workload.ts';
import { median, type Section } from '../../measure/report.ts';

const SIZES = [1_000, 1];
const ROUNDS = 12;
/** Events of a round, at most. */
const ROUND_EVENTS = 20_000;
/** As many as the readers of the raw log unpack together. */
const ROWS_TOGETHER = 64;
const LOGIC = { version: 1, rules: RULES[1]!, dimensions: ['method', 'cashier', 'category'] };

interface Workload {
  readonly name: string;
  /** All in one hour. */
  readonly events: readonly PostedEvent[];
}

function rowsOf(events: readonly PostedEvent[], size: number): StoredRow[] {
  const hour = hourOf(Date.parse(events[0]!.ts));
  const place = { merchant: 'm' as MerchantId, terminal: 't' as TerminalId, epoch: epoch('00112233445566ff'), hour };
  const count = Math.min(ROUND_EVENTS, Math.floor(events.length / size) * size);
  return Array.from({ length: count / size }, (_, at) => {
    const firstSeq = 1 + at * size;
    const { bytes, header } = encodeEvents(
      { ...place, firstSeq, clearThrough: 0 },
      parsed(events.slice(at * size, (at + 1) * size)),
    );
    const key = { ...place, ...header, digest: '0000000000000000' } as StoredRow['key'];
    return { rowKey: eventsKey(key), key, bytes, arrival: 0 };
  });
}

/** The rows as `unpackedTogether` gives them. */
function* unpackedRows(rows: readonly StoredRow[]): Generator<StoredRow> {
  for (let at = 0; at < rows.length; at += ROWS_TOGETHER) {
    const some = rows.slice(at, at + ROWS_TOGETHER);
    const bodies = unpackBatches(some.map(({ bytes }) => bytes));
    for (const [index, row] of some.entries()) yield { ...row, unpacked: bodies[index]! };
  }
}

function byColumns(rows: readonly StoredRow[]): void {
  const fold = new PartialFold(LOGIC);
  for (const row of unpackedRows(rows)) {
    runToEnd(fold.add(readRow(row)));
    runToEnd(fold.settle());
  }
  fold.partial();
}

function byObjects(rows: readonly StoredRow[]): void {
  const fold = new ObjectFold(LOGIC);
  for (const row of rows) {
    runToEnd(fold.add(readObjects(row)));
    runToEnd(fold.settle());
  }
  fold.partial();
}

/** Header, decompression and MessagePack alone: what no fold can do without. */
function unpacking(rows: readonly StoredRow[]): void {
  for (const { bytes, unpacked } of unpackedRows(rows)) {
    const head = readHeader(bytes);
    if (!head.ok) throw new Error(head.detail);
    const { codec, dictionary, unpackedLength } = head.header;
    const body = bytes.subarray(head.bodyStart);
    const packed = () => unpackBody(body, unpackedLength, releasedDictionary(dictionary));
    unpack(unpacked ?? (codec === 'none' ? body : packed()));
  }
}

/** Microseconds of CPU an event, of each work in turn. */
function inTurns(rows: readonly StoredRow[], events: number, works: readonly ((rows: readonly StoredRow[]) => void)[]) {
  const passes = Math.ceil(ROUND_EVENTS / events);
  const times = works.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [at, work] of works.entries()) {
      const before = process.cpuUsage();
      for (let pass = 0; pass < passes; pass++) work(rows);
      const { user, system } = process.cpuUsage(before);
      if (round > 1) times[at]!.push((user + system) / (passes * events));
    }
  return times.map(median);
}

export function foldSpeed(workloads: readonly Workload[]): Section {
  const rows = workloads.flatMap(({ name, events }) =>
    SIZES.map((size) => {
      const stored = rowsOf(events, size);
      const [columns, objects, limit] = inTurns(stored, stored.length * size, [byColumns, byObjects, unpacking]);
      return {
        events: name,
        'batch of': size,
        'us/event': columns!,
        'events/s': 1e6 / columns!,
        'objects us': objects!,
        'objects/ours': objects! / columns!,
        'unpack only us': limit!,
      };
    }),
  );
  return {
    name: 'Decode and fold, one core',
    how: `CPU time, medians of ${ROUNDS - 2} rounds in turns: from columns, with an object an event, and unpacking alone (the limit).`,
    rows,
  };
}
