/** A build of a logic version from the raw log, beside the bare scan of it, which is the limit. */
import { randomBytes } from 'node:crypto';
import { logicBy } from '../../../../collector/aggregation/logic/logic-version.ts';
import { storesOn } from '../../../../collector/app/context.ts';
import { reprocess } from '../../../../collector/rollup/reprocess/reprocess.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { LogicSet } from '../../../../collector/store/logic-versions.ts';
import type { Tables } from '../../../../collector/store/tables.ts';
import type { Epoch, MerchantId, TerminalId } from '../../../../shared/ids.ts';
import { SIPHASH_KEY_BYTES } from '../../../../shared/siphash.ts';
import { HOUR_MS } from '../../../../shared/time.ts';
import { encodeEvents } from '../../../../shared/wire/batch.ts';
import { baskets, parsed } from '../../load/workload.ts';
import type { Section } from '../../measure/report.ts';

const BATCHES_PER_HOUR = 10;

interface Spent {
  readonly seconds: number;
  /** Of all threads of the process. */
  readonly cpu: number;
}

async function spent(work: () => Promise<unknown>): Promise<Spent> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1_000, cpu: (user + system) / 1e6 };
}

interface History {
  readonly merchant: MerchantId;
  /** Hour since 1970; all are over. */
  readonly first: number;
  readonly hours: number;
  readonly size: number;
}

/** Puts raw rows of small baskets. */
export async function fill(
  tables: Tables,
  digestKey: Uint8Array,
  { merchant, first, hours, size }: History,
): Promise<void> {
  const log = new EventLog(tables, digestKey);
  for (let hour = first; hour < first + hours; hour++) {
    const events = parsed(baskets(BATCHES_PER_HOUR * size, hour * HOUR_MS));
    await log.append(
      Array.from({ length: BATCHES_PER_HOUR }, (_, at) => {
        const epoch = '00112233445566ff' as Epoch;
        const firstSeq = 1 + ((hour - first) * BATCHES_PER_HOUR + at) * size;
        const identity = { epoch, firstSeq, hour, clearThrough: 0 };
        const { bytes, header } = encodeEvents(identity, events.slice(at * size, (at + 1) * size));
        return { merchant, terminal: 'till-1' as TerminalId, header, bytes };
      }),
    );
  }
}

export async function reprocessing(
  tables: Tables,
  { hours, size, store }: { readonly hours: number; readonly size: number; readonly store: string },
): Promise<Section> {
  const merchant = `reprocessed-${randomBytes(4).toString('hex')}` as MerchantId;
  const first = Math.floor(Date.now() / HOUR_MS / 24) * 24 - 24 * Math.ceil(hours / 24);
  await fill(tables, randomBytes(SIPHASH_KEY_BYTES), { merchant, first, hours, size });
  const stores = storesOn(tables);
  let bytes = 0;
  const scan = await spent(async () => {
    for await (const row of stores.log.scan(merchant, first, first + hours)) bytes += row.bytes.length;
  });
  const dimensions = ['method', 'cashier', 'category'];
  const build = (): Promise<unknown> =>
    reprocess({
      ...{ stores, cursors: stores.cursors, logic: logicBy(2, 1, dimensions)! },
      logics: { read: async () => new LogicSet([{ version: 2, rules: 1, dimensions, state: 'building' }], []) },
      ...{ hours: { from: first, to: first + hours }, merchants: [merchant] },
      place: { version: 2, range: '..', shard: 1, of: 1 },
      ...{ now: Date.now, clock: () => performance.now(), pause: async () => undefined, progress: () => undefined },
      signal: new AbortController().signal,
    });
  const built = await spent(build);
  const again = await spent(build);
  const events = hours * BATCHES_PER_HOUR * size;
  const row = (work: string, { seconds, cpu }: Spent) => ({
    ...{ work, 'events/s': events / seconds, 'events/s of CPU': events / cpu, 'MB/s': bytes / seconds / 1e6 },
  });
  return {
    name: 'A build of a logic version',
    how: `${events} sales of two items in batches of ${size}, ${BATCHES_PER_HOUR} batches an hour, ${hours} hours, on ${store}; nothing beside it`,
    rows: [row('bare scan', scan), row('reprocess', built), row('reprocess, all rows right', again)],
  };
}
