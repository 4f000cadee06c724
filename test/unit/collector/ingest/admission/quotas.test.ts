/** Quotas of several collectors on one real SQLite store. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Quotas } from '../../../../../collector/ingest/admission/quotas.ts';
import { INGEST_LIMITS, ROW_BYTES } from '../../../../../collector/ingest/limits.ts';
import { openSqliteTables } from '../../../../../collector/store/sqlite/sqlite-tables.ts';
import { Terminals } from '../../../../../collector/store/terminals.ts';
import { merchantId, terminalId } from '../../../../../shared/ids.ts';
import { batchOf } from '../../../../support/collector/batches.ts';
import { SwitchableTables } from '../../../../support/collector/switchable-tables.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const DAY_MS = 86_400_000;
const till = (name = 'till-1') => ({ merchant: merchantId('acme'), terminal: terminalId(name) });

async function standing(t: Test, maxTracked = 100) {
  const tables = new SwitchableTables(await openSqliteTables({ path: join(t.testdir(), 'store.db') }));
  t.teardown(() => tables.close());
  await tables.init();
  const terminals = new Terminals(tables);
  const clock = { now: NOON };
  const calls = { count: 0 };
  const collector = () =>
    new Quotas({
      ...{ bytesPerDay: 16_000, eventsPerDay: 1_600, share: 1 / 16, maxTracked, now: () => clock.now },
      terminals: {
        addUsage: (...usage) => {
          calls.count++;
          return terminals.addUsage(...usage);
        },
      },
    });
  return { tables, terminals, clock, calls, collector };
}

/** Stores a hundred bytes and one event at a time until it may not. @returns how many times it could */
async function storeAll(quotas: Quotas, name = 'till-1'): Promise<number> {
  for (let times = 0; times < 1_000; times++) {
    if (quotas.exceeded(till(name)) !== null) return times;
    quotas.stored(till(name), 100, 1);
    await quotas.report();
  }
  return 1_000;
}

t.test('a terminal stores its quota of bytes, and then waits', async (t) => {
  const { collector } = await standing(t);
  const quotas = collector();
  t.equal(await storeAll(quotas), 160);
  t.match(quotas.exceeded(till()), {
    reason: 'bytes-per-day',
    retryAfterMs: 900_000,
    message: /16000 bytes.*00:00 UTC/,
  });
});

t.test('events count on their own', async (t) => {
  const { collector } = await standing(t);
  const quotas = collector();
  quotas.stored(till(), 10, 1_600);
  t.match(quotas.exceeded(till()), { reason: 'events-per-day' });
});

t.test('of several collectors, and after each restart, a terminal gets a share more and not a quota', async (t) => {
  const { collector } = await standing(t);
  let stored = await storeAll(collector());
  for (let restarts = 0; restarts < 8; restarts++) stored += await storeAll(collector());
  t.ok(stored <= 160 + 8 * 10, `${stored * 100} bytes of 16,000 and 8 shares of 1,000`);
});

t.test('two that count at the same time lose nothing of each other', async (t) => {
  const { collector, terminals } = await standing(t);
  const all = [collector(), collector(), collector()];
  for (let i = 0; i < 4; i++) {
    for (const quotas of all) quotas.stored(till(), 1_000, 1);
    await Promise.all(all.map((quotas) => quotas.report()));
  }
  const day = Math.floor(NOON / DAY_MS);
  const { merchant, terminal } = till();
  const { usage } = await terminals.addUsage(merchant, terminal, { day, bytes: 0, events: 0 });
  t.same(usage, { day, bytes: 12_000, events: 12 });
});

t.test('a terminal has quotas of its own, and one that waits is told of a new one', async (t) => {
  const { collector, terminals, clock } = await standing(t);
  const registration = { ...till(), store: null, state: 'active', tokens: [], createdAt: 0 } as const;
  await terminals.register(registration, null);
  const quotas = collector();
  t.equal(await storeAll(quotas), 160);
  await terminals.register({ ...registration, quotas: { bytesPerDay: 32_000 } }, registration);
  clock.now += 30_000;
  t.ok(quotas.exceeded(till()));
  await quotas.report();
  t.equal(quotas.exceeded(till()), null);
  t.equal(await storeAll(quotas), 160, 'as much again');
});

t.test('who stores less than a share costs the store nothing', async (t) => {
  const { collector, calls } = await standing(t);
  const quotas = collector();
  for (let i = 0; i < 50; i++) quotas.stored(till(`till-${i}`), 999, 1);
  await quotas.report();
  t.equal(calls.count, 0);
});

t.test('a new day begins with nothing', async (t) => {
  const { collector, clock } = await standing(t);
  const quotas = collector();
  t.equal(await storeAll(quotas), 160);
  clock.now += DAY_MS / 2;
  t.equal(await storeAll(quotas), 160);
});

t.test('a usage that another collector dated a day ahead counts, and turns no quota off', async (t) => {
  const { collector, clock } = await standing(t);
  clock.now = NOON + DAY_MS;
  const ahead = collector();
  for (let i = 0; i < 8; i++) ahead.stored(till(), 1_000, 1);
  await ahead.report();
  clock.now = NOON;
  t.equal(await storeAll(collector()), 80);
});

t.test('a usage that a wrong clock dated ten days ahead refuses nothing for ten days', async (t) => {
  const { collector, clock } = await standing(t);
  clock.now = NOON + 10 * DAY_MS;
  t.equal(await storeAll(collector()), 160);
  clock.now = NOON;
  const right = collector();
  t.equal(await storeAll(right), 160, 'as if nothing had been stored');
  clock.now += DAY_MS / 2;
  t.equal(await storeAll(right), 160, 'and each day anew');
});

t.test('what the store did not take is reported later', async (t) => {
  const { collector, tables } = await standing(t);
  const quotas = collector();
  quotas.stored(till(), 15_900, 1);
  tables.turn('refuses');
  await quotas.report();
  t.equal(quotas.exceeded(till()), null);
  tables.turn('on');
  await quotas.report();
  t.equal(await storeAll(collector()), 10, 'a share');
});

t.test('so many terminals as allowed are counted, the least recent is forgotten', async (t) => {
  const { collector } = await standing(t, 10);
  const quotas = collector();
  quotas.stored(till(), 16_000, 1);
  for (let i = 0; i < 30; i++) quotas.stored(till(`other-${i}`), 1, 1);
  t.equal(quotas.tracked, 10);
  t.equal(quotas.exceeded(till()), null);
});

t.test('a backlog of a million events, in whatever batches, is far within the default quotas', async (t) => {
  const { bytesPerDay, eventsPerDay } = INGEST_LIMITS;
  const million = 1_000_000;
  t.ok(million * 10 < eventsPerDay.value);
  for (const events of [1, 10, 100, 1_000, 5_000]) {
    const bytes = batchOf(1, events).bytes.length + ROW_BYTES;
    t.ok((million / events) * bytes * 4 < bytesPerDay.value, `${events} a batch: ${bytes} bytes each`);
  }
});
