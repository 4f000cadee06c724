/**
 * The figures of an earlier moment: rows as they were published then, and where there was none, the
 * raw rows that had arrived by then.
 */
import type { EventLog, RawRow } from '../../store/event-log.ts';
import type { History } from '../../store/history/history.ts';
import { RollupsAsOf } from '../../store/history/rollups-as-of.ts';
import type { Rollups } from '../../store/rollups/rollups.ts';
import type { Question } from '../admission/question.ts';
import { LiveHours } from './live-hours.ts';
import type { FiguresStores } from './sections.ts';

export interface AsOfStores extends FiguresStores {
  readonly rollups: Rollups;
  readonly history: History;
}

/**
 * The stores as a reader of figures would have found them.
 *
 * @param asOf milliseconds since 1970
 * @param maxBytes bound on the memory of an hour that is folded
 */
export function storesAsOf(stores: AsOfStores, asOf: number, maxBytes: number, question: Question): FiguresStores {
  const { log, rollups, history } = stores;
  async function* arrived(rows: AsyncIterable<RawRow>): AsyncIterable<RawRow> {
    for await (const row of rows) {
      question.read(1, row.bytes.length);
      await question.turn();
      if (row.arrival <= asOf) yield row;
    }
  }
  async function* counted<T>(rows: AsyncIterable<T>): AsyncIterable<T> {
    for await (const row of rows) {
      question.read(1, 0);
      yield row;
    }
  }
  const logAsOf = {
    scan: (...args: Parameters<EventLog['scan']>) => arrived(log.scan(...args)),
    scanTerminal: (...args: Parameters<EventLog['scanTerminal']>) => arrived(log.scanTerminal(...args)),
    get: (rowKeys: readonly Uint8Array[]) => arrived(log.get(rowKeys)),
  };
  // Nothing is remembered: each hour has a cache of its own.
  const once = { clock: () => 0, now: () => asOf, freshForMs: 0, marginMs: 0, checkMs: Number.POSITIVE_INFINITY };
  const live = (): LiveHours => new LiveHours({ log: logAsOf, ...once, maxBytes });
  return {
    ...stores,
    rollups: new RollupsAsOf(rollups, { scan: (...args) => counted(history.scan(...args)) }, asOf),
    live: {
      instant: () => null,
      large: () => [],
      keepUp: async () => undefined,
      read: (...args) => live().read(...args),
      figures: (...args) => live().figures(...args),
      articles: (...args) => live().articles(...args),
    },
  };
}
