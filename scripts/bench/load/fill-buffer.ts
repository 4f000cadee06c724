/**
 * Fills an agent's buffer with small baskets through the buffer's own API, as if its till had sold
 * for hours without a network.
 *
 *     node scripts/bench/load/fill-buffer.ts BUFFER MERCHANT TERMINAL COUNT HOURS
 */
import { SqliteBuffer } from '../../../agent/buffer/sqlite-buffer.ts';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import { bufferOptions } from './buffer-options.ts';
import { basket, parsed, random } from './workload.ts';

const AT_ONCE = 2_000;

const [file, merchant, terminal, count, hours] = process.argv.slice(2) as [string, string, string, string, string];
const buffer = new SqliteBuffer(bufferOptions(file, merchant, terminal));
const next = random(7);
const total = Number(count);
/** The baskets end at the start of the current hour. */
const end = hourOf(Date.now()) * HOUR_MS;
for (let at = 0; at < total; at += AT_ONCE) {
  const events = Array.from({ length: Math.min(AT_ONCE, total - at) }, (_, i) =>
    basket(at + i, end - Math.ceil((1 - (at + i) / total) * Number(hours) * HOUR_MS), next),
  );
  const { kind } = await buffer.accept(parsed(events));
  if (kind !== 'accepted') throw new Error(`the buffer is ${kind}`);
}
buffer.close();
