import t from 'tap';
import { GroupCommit, type GroupLimits, type Outcome } from '../../../../collector/ingest/group-commit.ts';

const LIMITS: GroupLimits = {
  maxGroups: 1,
  maxRows: 3,
  maxBytes: 100,
  maxWaitMs: 1_000,
  maxSilentMs: 500,
  gatherMs: 20,
};

/** Groups as they were started, each to be ended by hand. */
function standing(limits: Partial<GroupLimits> = {}) {
  const started: { items: readonly string[]; end: PromiseWithResolvers<void> }[] = [];
  const clock = { now: 0 };
  const coming = { more: false };
  const groups = new GroupCommit<string>(
    (items) => {
      const end = Promise.withResolvers<void>();
      started.push({ items, end });
      return end.promise;
    },
    { ...LIMITS, ...limits },
    () => clock.now,
    () => coming.more,
  );
  return { groups, started, clock, coming, items: () => started.map(({ items }) => items) };
}

const TILL = { merchant: 'acme', terminal: 'till-1' };

const turn = () => new Promise((resolve) => setImmediate(resolve));
const kinds = (outcomes: readonly Outcome[]) => outcomes.map(({ kind }) => kind);

t.test('what comes in one turn of the event loop shares a group', async (t) => {
  const { groups, started, items } = standing();
  const offered = ['a', 'b', 'c'].map((item) => groups.offer(TILL, item, 10));
  t.same(items(), []);
  await turn();
  t.same(items(), [['a', 'b', 'c']]);
  started[0]!.end.resolve();
  t.same(kinds(await Promise.all(offered)), ['committed', 'committed', 'committed']);
});

t.test('what comes while a group is under way gathers for the next', async (t) => {
  const { groups, started, items } = standing();
  void groups.offer(TILL, 'a', 10);
  await turn();
  void groups.offer(TILL, 'b', 10);
  await turn();
  void groups.offer(TILL, 'c', 10);
  await turn();
  t.same(items(), [['a']]);
  started[0]!.end.resolve();
  await turn();
  await turn();
  t.same(items(), [['a'], ['b', 'c']]);
});

t.test('a group is bounded by rows and by bytes, but takes one entry at least', async (t) => {
  const { groups, items } = standing({ maxGroups: 9 });
  for (const [item, bytes] of [
    ['a', 1],
    ['b', 1],
    ['c', 1],
    ['d', 60],
    ['e', 60],
    ['f', 500],
  ] as const)
    void groups.offer(TILL, item, bytes);
  await turn();
  t.same(items(), [['a', 'b', 'c'], ['d'], ['e'], ['f']]);
});

t.test('so many groups as allowed are under way at the same time', async (t) => {
  const { groups, items } = standing({ maxGroups: 2, maxRows: 1 });
  for (const item of ['a', 'b', 'c']) void groups.offer(TILL, item, 1);
  await turn();
  t.same(items(), [['a'], ['b']]);
});

t.test('a failed group fails its entries, and the next one continues', async (t) => {
  const { groups, started } = standing({ maxRows: 1 });
  const offered = ['a', 'b'].map((item) => groups.offer(TILL, item, 10));
  await turn();
  started[0]!.end.reject(new Error('store away'));
  t.match(await offered[0], { kind: 'failed', cause: { message: 'store away' } });
  await turn();
  started[1]!.end.resolve();
  t.match(await offered[1], { kind: 'committed' });
});

t.test('while more is coming a group gathers, for a bounded time', async (t) => {
  const { groups, items, clock, coming } = standing();
  coming.more = true;
  void groups.offer(TILL, 'a', 10);
  await turn();
  void groups.offer(TILL, 'b', 10);
  await turn();
  t.same(items(), []);
  clock.now = 20;
  await turn();
  await turn();
  t.same(items(), [['a', 'b']]);
});

t.test('a full group does not wait for more', async (t) => {
  const { groups, items, coming } = standing();
  coming.more = true;
  for (const item of ['a', 'b', 'c']) void groups.offer(TILL, item, 10);
  await turn();
  t.same(items(), [['a', 'b', 'c']]);
});

t.test('what waits too long is late, while others keep waiting', async (t) => {
  const { groups, clock } = standing({ maxRows: 1 });
  const under = groups.offer(TILL, 'under way', 10);
  await turn();
  const early = groups.offer(TILL, 'early', 10);
  clock.now = 600;
  const fresh = groups.offer(TILL, 'fresh', 10);
  clock.now = 999;
  groups.expire();
  clock.now = 1_000;
  groups.expire();
  t.same(kinds(await Promise.all([under, early])), ['late', 'late']);
  t.equal(await Promise.race([fresh, 'still waiting']), 'still waiting');
});

t.test('what has waited elsewhere is late by so much earlier', async (t) => {
  const { groups, clock } = standing({ maxRows: 1 });
  const first = groups.offer(TILL, 'a', 10);
  const second = groups.offer(TILL, 'b', 10, 900);
  clock.now = 100;
  groups.expire();
  t.equal((await second).kind, 'late');
  t.equal(await Promise.race([first, 'still waiting']), 'still waiting');
});

t.test('a group takes from each merchant, whoever has more waiting', async (t) => {
  const { groups, items, started } = standing({ maxRows: 4, maxBytes: 10_000 });
  const of = (merchant: string, terminal: string) => ({ merchant, terminal });
  void groups.offer(of('first', 'a'), 'under way', 10);
  await turn();
  for (let i = 0; i < 100; i++) void groups.offer(of('evil', `${i % 10}`), `evil ${i}`, 10);
  void groups.offer(of('good', 'a'), 'good', 10);
  started[0]!.end.resolve();
  await turn();
  await turn();
  t.ok(items()[1]!.includes('good'));
});

t.test('the store is silent when it has answered no group for too long and no further one may be asked', async (t) => {
  const { groups, started, clock } = standing({ maxGroups: 2, maxRows: 1 });
  t.equal(groups.silentMs, null, 'it was asked nothing');
  void groups.offer(TILL, 'a', 10);
  await turn();
  clock.now = 400;
  void groups.offer(TILL, 'b', 10);
  void groups.offer(TILL, 'c', 10);
  await turn();
  t.equal(groups.silentMs, null, 'not for too long');
  clock.now = 501;
  t.equal(groups.silentMs, 501);
  started[1]!.end.resolve();
  while (started.length < 3) await turn();
  t.equal(groups.silentMs, null, 'it has answered another one');
  clock.now = 1_001;
  t.equal(groups.silentMs, null);
  clock.now = 1_002;
  t.equal(groups.silentMs, 501, 'since that answer');
  for (const { end } of started) end.resolve();
  await turn();
  await turn();
  t.equal(groups.silentMs, null);
});

t.test('a store that may be asked more is not silent', async (t) => {
  const { groups, clock } = standing({ maxGroups: 2, maxRows: 1 });
  void groups.offer(TILL, 'a', 10);
  await turn();
  clock.now = 5_000;
  t.equal(groups.silentMs, null);
});
