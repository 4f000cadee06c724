import t from 'tap';
import { GroupCommit, type GroupLimits, type Outcome } from '../../../../collector/ingest/group-commit.ts';

const LIMITS: GroupLimits = { maxGroups: 1, maxRows: 3, maxBytes: 100, maxHeldBytes: 10_000, maxWaitMs: 1_000 };

/** Groups as they were started, each to be ended by hand. */
function standing(limits: Partial<GroupLimits> = {}) {
  const started: { items: readonly string[]; end: PromiseWithResolvers<void> }[] = [];
  const clock = { now: 0 };
  const groups = new GroupCommit<string>(
    (items) => {
      const end = Promise.withResolvers<void>();
      started.push({ items, end });
      return end.promise;
    },
    { ...LIMITS, ...limits },
    () => clock.now,
  );
  return { groups, started, clock, items: () => started.map(({ items }) => items) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const kinds = (outcomes: readonly Outcome[]) => outcomes.map(({ kind }) => kind);

t.test('what comes in one turn of the event loop shares a group', async (t) => {
  const { groups, started, items } = standing();
  const offered = ['a', 'b', 'c'].map((item) => groups.offer(item, 10));
  t.same(items(), []);
  await turn();
  t.same(items(), [['a', 'b', 'c']]);
  started[0]!.end.resolve();
  t.same(kinds(await Promise.all(offered)), ['committed', 'committed', 'committed']);
});

t.test('what comes while a group is under way gathers for the next', async (t) => {
  const { groups, started, items } = standing();
  void groups.offer('a', 10);
  await turn();
  void groups.offer('b', 10);
  await turn();
  void groups.offer('c', 10);
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
    void groups.offer(item, bytes);
  await turn();
  t.same(items(), [['a', 'b', 'c'], ['d'], ['e'], ['f']]);
});

t.test('so many groups as allowed are under way at the same time', async (t) => {
  const { groups, items } = standing({ maxGroups: 2, maxRows: 1 });
  for (const item of ['a', 'b', 'c']) void groups.offer(item, 1);
  await turn();
  t.same(items(), [['a'], ['b']]);
});

t.test('a failed group fails its entries, and the next one continues', async (t) => {
  const { groups, started } = standing({ maxRows: 1 });
  const offered = ['a', 'b'].map((item) => groups.offer(item, 10));
  await turn();
  started[0]!.end.reject(new Error('store away'));
  t.match(await offered[0], { kind: 'failed', cause: { message: 'store away' } });
  await turn();
  started[1]!.end.resolve();
  t.match(await offered[1], { kind: 'committed' });
});

t.test('without room nothing is taken, and the answer comes at once', async (t) => {
  const { groups, started } = standing({ maxHeldBytes: 1_300 });
  const first = groups.offer('a', 50);
  const second = groups.offer('b', 50);
  t.equal((await groups.offer('c', 50)).kind, 'full', 'two entries with their own weight fill 1,300 bytes');
  await turn();
  started[0]!.end.resolve();
  await Promise.all([first, second]);
  t.equal(groups.heldBytes, 0);
  t.ok(groups.hasRoom(50));
});

t.test('what waits too long is late, while others keep waiting', async (t) => {
  const { groups, clock } = standing({ maxRows: 1 });
  const under = groups.offer('under way', 10);
  await turn();
  const early = groups.offer('early', 10);
  clock.now = 600;
  const fresh = groups.offer('fresh', 10);
  clock.now = 999;
  groups.expire();
  clock.now = 1_000;
  groups.expire();
  t.same(kinds(await Promise.all([under, early])), ['late', 'late']);
  t.equal(await Promise.race([fresh, 'still waiting']), 'still waiting');
});

t.test('bytes that the store still holds count until it lets go, late or not', async (t) => {
  const { groups, started, clock } = standing();
  const late = groups.offer('a', 100);
  await turn();
  clock.now = 1_000;
  groups.expire();
  t.equal((await late).kind, 'late');
  t.ok(groups.heldBytes >= 100);
  started[0]!.end.resolve();
  await turn();
  t.equal(groups.heldBytes, 0);
});

t.test('a store that never answers holds no more than the bound, whatever is offered', async (t) => {
  const { groups, clock } = standing({ maxHeldBytes: 50_000 });
  const outcomes = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    clock.now += 1;
    void groups.offer(`batch ${i}`, 1_000).then(({ kind }) => outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1));
    if (i % 100 === 0) groups.expire();
    if (groups.heldBytes > 50_000) t.fail(`${groups.heldBytes} bytes held`);
    if (i % 50 === 0) await turn();
  }
  clock.now += 1_000;
  groups.expire();
  await turn();
  t.equal((outcomes.get('full') ?? 0) + (outcomes.get('late') ?? 0), 20_000, 'and each was answered');
});
