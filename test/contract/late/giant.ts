/** A merchant of hundreds of tills and twenty thousand articles: whole rows, in calls of bounded size. */
import type { Test } from 'tap';
import type { Put, Tables } from '../../../collector/store/tables.ts';
import { seeded } from '../../../scripts/simulate/random.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { HOUR, tillEvent } from '../../support/collector/till-events.ts';
import { Region } from '../../support/region/region.ts';

const DAY = Math.floor(HOUR / 24);
const TILLS = 700;
const ARTICLES = 20_000;
const RECEIPTS = 4;
const LINES = 20;
const MOST_BYTES = 4 * 1024 * 1024;

/** The largest call since it was asked for last; null: the store has no calls. */
export type LargestCall = (() => number) | null;

/** Notes the largest write. */
function sized(tables: Tables): { readonly tables: Tables; readonly largest: () => number } {
  let largest = 0;
  const note = (puts: readonly Put[]): void => {
    for (const { cells } of puts)
      largest = Math.max(
        largest,
        [...cells.values()].reduce((sum, { length }) => sum + length, 0),
      );
  };
  const of: Tables = {
    expiresAfterMs: tables.expiresAfterMs,
    init: () => tables.init(),
    putIfAbsent: (...args) => tables.putIfAbsent(...args),
    exists: (...args) => tables.exists(...args),
    get: (...args) => tables.get(...args),
    scan: (...args) => tables.scan(...args),
    delete: (...args) => tables.delete(...args),
    close: () => tables.close(),
    put(table, puts) {
      note(puts);
      return tables.put(table, puts);
    },
    checkAndPut(table, check, put) {
      note([put]);
      return tables.checkAndPut(table, check, put);
    },
  };
  return { tables: of, largest: () => largest };
}

export async function giantContract(t: Test, tables: Tables, largestCall: LargestCall = null): Promise<void> {
  const random = seeded(7);
  const { tables: watched, largest } = sized(tables);
  const region = new Region(watched);
  const receipt = (hour: number) => {
    const items = Array.from({ length: LINES }, () => {
      const sku = `s${Math.floor(random() * ARTICLES)}`;
      return { sku, qty: 1 + Math.floor(3 * random()), price: Math.floor(10_000 * random()) };
    });
    // Of few amounts the percentiles are exact.
    const amount = 100 * Math.floor(50 * random());
    return tillEvent({ amount, items, ts: hour * HOUR_MS + Math.floor(random() * HOUR_MS) });
  };
  const till = (at: number): string => `t${String(at).padStart(5, '0')}`;
  const tills = Array.from({ length: TILLS }, (_, at) => till(at));
  const hours = [HOUR, HOUR + 1];
  await t.test('its hours and its day are whole', async (t) => {
    largestCall?.();
    for (const [at, hour] of hours.entries()) {
      const firstSeq = 1 + at * RECEIPTS;
      const receipts = () => Array.from({ length: RECEIPTS }, () => receipt(hour));
      await region.append(...tills.map((terminal) => region.events(terminal, firstSeq, receipts())));
      await region.mark(hour, ...tills);
    }
    await region.passDay(DAY);
    await t.resolves(region.checkAll());
    t.same(region.failures, []);
    t.equal((await region.terminals('day', DAY)).length, TILLS);
  });

  await t.test('one more sale of one till, and a run of all of them, leave them so', async (t) => {
    const seq = 1 + 2 * RECEIPTS;
    await region.deliver(region.events(till(0), seq, [receipt(HOUR)]));
    await region.passDay(DAY);
    await region.append(...tills.slice(1).map((terminal) => region.events(terminal, seq, [receipt(HOUR)])));
    await region.mark(HOUR, ...tills.slice(1));
    await region.passDay(DAY);
    await t.resolves(region.checkAll());
    t.same(region.failures, []);
  });

  await t.test('no call has more than 4 MiB', async (t) => {
    t.ok(largest() > 0 && largest() <= MOST_BYTES, `${largest()} bytes were the largest write`);
    const most = largestCall?.() ?? null;
    if (most !== null) t.ok(most > 0 && most <= MOST_BYTES, `${most} bytes were the largest call`);
  });
}
