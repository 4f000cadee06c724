import t from 'tap';
import { ActiveLogic } from '../../../../collector/api/active-logic.ts';
import { API_LIMITS } from '../../../../collector/api/limits.ts';
import { type LogicRecord, LogicSet } from '../../../../collector/store/logic-versions.ts';
import { merchantId } from '../../../../shared/ids.ts';

const ACME = merchantId('acme');
const record = (version: number): LogicRecord => ({ version, rules: 1, dimensions: [], state: 'live' });

t.test('a switch is seen within half a second, and read no more often', async (t) => {
  const state = { now: 0, reads: 0, set: new LogicSet([record(1), record(2)], []) };
  const read = async (): Promise<LogicSet> => {
    state.reads++;
    return state.set;
  };
  const active = new ActiveLogic({
    ...{ logics: { read }, clock: () => state.now, freshForMs: API_LIMITS.logicFresh.value },
  });
  await Promise.all([active.of(ACME), active.of(ACME)]);
  t.match(await active.of(ACME), { version: 1 });
  t.equal(state.reads, 1);
  state.set = new LogicSet(state.set.records, [{ at: 0, version: 2, merchants: [ACME] }]);
  state.now = 499;
  t.match(await active.of(ACME), { version: 1 });
  state.now = 500;
  t.match(await active.of(ACME), { version: 2 });
  t.match(await active.of(merchantId('other')), { version: 1 });
  t.equal(state.reads, 2);
});

t.test('neither a fault nor a store that is not initialized is remembered', async (t) => {
  const answers = [
    () => Promise.reject(new Error('away')),
    async () => new LogicSet([], []),
    async () => new LogicSet([record(1)], []),
  ];
  const active = new ActiveLogic({ logics: { read: () => answers.shift()!() }, clock: () => 0, freshForMs: 500 });
  await t.rejects(active.of(ACME), { message: 'away' });
  await t.rejects(active.of(ACME), { name: 'StoreUnavailable' });
  t.match(await active.of(ACME), { version: 1 });
});
