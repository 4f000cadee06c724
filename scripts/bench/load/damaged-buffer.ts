/**
 * Fills a buffer with small baskets, most of them acknowledged, damages one page of it, and dies
 * like a killed agent.
 *
 *     node scripts/bench/load/damaged-buffer.ts BUFFER BYTES EVENTS PENDING
 *
 * Filling stops at BYTES in use or at EVENTS, whichever comes first; 0: no such limit. The newest
 * PENDING events are not acknowledged; -1: none is.
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { type Epoch, parseStreamId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { bufferOptions } from './buffer-options.ts';
import { basket, parsed, random } from './workload.ts';

const AT_ONCE = 2_000;
const PAGE_BYTES = 4096;
/** Number of openings of the file, and number of hours that its events span. */
const OPENINGS = 4;
const HOURS = 20;

const [file, ...limits] = process.argv.slice(2) as [string, string, string, string];
const [bytes, count, pending] = limits.map(Number) as [number, number, number];
const open = (): SqliteBuffer => new SqliteBuffer(bufferOptions(file));
const greet = (buffer: SqliteBuffer): Promise<void> =>
  buffer.greeted({ storeGen: 'bench', trueTimeOrigin: performance.timeOrigin, uncertaintyMs: 1 });

const next = random(7);
const start = Date.now() - HOURS * HOUR_MS;
const share = (of: SqliteBuffer, events: number): number =>
  Math.max(bytes === 0 ? 0 : of.holdings().bytes / bytes, count === 0 ? 0 : events / count);

/** Events that are not acknowledged yet, the newest last. */
const waiting: { readonly epoch: Epoch; readonly seq: number }[] = [];

/** Acknowledges all but the newest events, which are to stay pending. */
async function acknowledge(of: SqliteBuffer): Promise<void> {
  const some = waiting.splice(0, Math.max(0, waiting.length - pending));
  const byEpoch = Map.groupBy(some, ({ epoch }) => epoch);
  const ranges = [...byEpoch].map(([epoch, events]) => ({
    kind: 'stored' as const,
    epoch,
    firstSeq: events[0]!.seq,
    lastSeq: events.at(-1)!.seq,
  }));
  if (ranges.length > 0) await of.settle(ranges);
}

let accepted = 0;
let buffer = open();
await greet(buffer);
for (let opening = 1, done = 0; done < 1; ) {
  const events = Array.from({ length: count === 0 ? AT_ONCE : Math.min(AT_ONCE, count - accepted) }, (_, at) =>
    basket(accepted + at, start + Math.floor(done * (HOURS - 1) * HOUR_MS), next),
  );
  const answer = await buffer.accept(parsed(events));
  if (answer.kind !== 'accepted' || answer.firstSeq === null) throw new Error(`the buffer is ${answer.kind}`);
  accepted += answer.accepted;
  if (pending >= 0) {
    const { epoch } = parseStreamId(answer.stream);
    for (let at = 0; at < answer.accepted; at++) waiting.push({ epoch, seq: answer.firstSeq + at });
    await acknowledge(buffer);
  }
  done = share(buffer, accepted);
  if (done < 1 && done >= opening / OPENINGS) {
    opening++;
    buffer.close();
    buffer = open();
    await greet(buffer);
  }
}
const fileBytes = statSync(file).size;
const fd = openSync(file, 'r+');
writeSync(fd, Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, Math.floor(fileBytes / PAGE_BYTES / 2) * PAGE_BYTES);
closeSync(fd);
// Closing would remove the WAL; a kill leaves it.
process.kill(process.pid, 'SIGKILL');
