import t from 'tap';
import { StoreClock } from '../../../../collector/store/store-clock.ts';
import type { Put, Row } from '../../../../collector/store/tables.ts';
import { DAY_MS } from '../../../../shared/time.ts';

const START = Date.UTC(2026, 10, 30);

/** A machine and a store, each with a clock that can be set; a write takes `tookMs`. */
function standing() {
  const state = { time: 0, machine: 0, store: 0, tookMs: 2, loses: false, nonce: 0, rows: new Map<string, Row>() };
  const tables = {
    async put(_table: string, [put]: readonly Put[]) {
      state.time += state.tookMs / 2;
      const { row, cells } = put!;
      if (!state.loses)
        state.rows.set(row.toString(), { row, cells, time: Math.floor(START + state.time + state.store) });
      state.time += state.tookMs / 2;
    },
    get: async (_table: string, [row]: readonly Uint8Array[]) => [state.rows.get(row!.toString()) ?? null],
    delete: async (_table: string, [row]: readonly Uint8Array[]) => void state.rows.delete(row!.toString()),
  };
  const storeClock = new StoreClock({
    tables,
    nonce: () => String(state.nonce++),
    now: () => START + state.time + state.machine,
    clock: () => 7_000 + state.time,
    maxDifferenceMs: 5_000,
  });
  return { state, storeClock };
}

t.test('before the first comparison nothing is known', async (t) => {
  const { storeClock } = standing();
  t.equal(storeClock.ahead(), null);
  t.match(storeClock.problem(), /not been compared/);
});

t.test('clocks in step are no problem, however much time passes', async (t) => {
  const { storeClock, state } = standing();
  await storeClock.compare();
  state.time += 30 * DAY_MS;
  t.equal(storeClock.problem(), null);
  t.equal(state.rows.size, 0, 'what it wrote is deleted');
});

t.test('up to the bound they are in step', async (t) => {
  for (const error of [-5_000, 5_000]) {
    const { storeClock, state } = standing();
    state.machine = error;
    await storeClock.compare();
    t.equal(storeClock.problem(), null);
  }
});

const APART: Readonly<Record<string, [machine: number, store: number, words: RegExp]>> = {
  'the machine is 450 days behind': [-450 * DAY_MS, 0, /450 days behind the store's \(2025-09-06.* here, 2026-11-30/],
  'the machine is 390 days behind': [-390 * DAY_MS, 0, /390 days behind/],
  'the machine is a year ahead': [365 * DAY_MS, 0, /365 days ahead of/],
  'the machine is seven seconds behind': [-7_000, 0, /7 seconds behind/],
  'the store is a day ahead': [0, DAY_MS, /24 hours behind/],
  'the store is an hour behind': [0, -3_600_000, /60 minutes ahead of/],
};
for (const [name, [machine, store, words]] of Object.entries(APART)) {
  t.test(`apart: ${name}`, async (t) => {
    const { storeClock, state } = standing();
    Object.assign(state, { machine, store });
    await storeClock.compare();
    t.match(storeClock.problem(), words);
  });

  t.test(`set while it runs: ${name}`, async (t) => {
    const { storeClock, state } = standing();
    await storeClock.compare();
    Object.assign(state, { machine, store });
    if (store !== 0) {
      t.equal(storeClock.problem(), null, 'of the store it takes a comparison');
      await storeClock.compare();
    }
    t.match(storeClock.problem(), words);
    Object.assign(state, { machine: 0, store: 0 });
    await storeClock.compare();
    t.equal(storeClock.problem(), null);
  });
}

t.test('a slow write leaves open what it leaves open', async (t) => {
  const { storeClock, state } = standing();
  state.tookMs = 6_000;
  state.machine = 7_000;
  await storeClock.compare();
  t.equal(storeClock.ahead(), 4_000);
  t.equal(storeClock.problem(), null);
});

t.test('too slow a write, or one that does not show, tells nothing', async (t) => {
  const { storeClock, state } = standing();
  await storeClock.compare();
  Object.assign(state, { tookMs: 10_002, machine: 8_000 });
  await t.rejects(storeClock.compare(), { name: 'StoreUnavailable' });
  t.match(storeClock.problem(), /8 seconds ahead/, 'by the comparison before');
  Object.assign(state, { tookMs: 2, loses: true });
  await t.rejects(storeClock.compare(), { name: 'StoreUnavailable' });
});
