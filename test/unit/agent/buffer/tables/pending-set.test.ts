import fc from 'fast-check';
import t from 'tap';
import { PendingSet } from '../../../../../agent/buffer/tables/pending-set.ts';

const hourOfId = (id: number): number => 500_000 - Math.floor(id / 7) + (id % 3);

/** How many ids of a range that are in `ids` lie in each hour. */
function hoursOf(ids: Iterable<number>): Map<number, number> {
  const hours = new Map<number, number>();
  for (const id of ids) hours.set(hourOfId(id), (hours.get(hourOfId(id)) ?? 0) + 1);
  return hours;
}

const action = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), gap: fc.nat(3), length: fc.integer({ min: 1, max: 20 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    from: fc.integer({ min: 1, max: 200 }),
    length: fc.integer({ min: 1, max: 8 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), from: fc.nat(200), length: fc.integer({ min: 1, max: 30 }) }),
);

t.test('a pending set agrees with a plain set of ids, whatever is added and removed', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), fc.nat(250), fc.nat(250), (actions, probe, upTo) => {
        const set = new PendingSet();
        const model = new Set<number>();
        let next = 1;
        for (const act of actions) {
          if (act.kind === 'append') {
            const first = next + act.gap;
            const last = first + act.length - 1;
            const ids = Array.from({ length: act.length }, (_, at) => first + at);
            set.add({ first, last }, hoursOf(ids));
            for (const id of ids) model.add(id);
            next = last + 1;
          } else if (act.kind === 'insert') {
            const ids: number[] = [];
            for (let id = act.from; id < act.from + act.length && !model.has(id); id++) ids.push(id);
            if (ids.length === 0) continue;
            set.add({ first: ids[0]!, last: ids.at(-1)! }, hoursOf(ids));
            for (const id of ids) model.add(id);
            next = Math.max(next, ids.at(-1)! + 1);
          } else {
            const last = act.from + act.length - 1;
            const ids = [...model].filter((id) => id >= act.from && id <= last);
            if (!set.remove({ first: act.from, last }, hoursOf(ids))) throw new Error('does not add up');
            for (const id of ids) model.delete(id);
          }
          const held = set.ranges.flatMap(({ first, last }) =>
            Array.from({ length: last - first + 1 }, (_, at) => first + at),
          );
          const ids = [...model].sort((a, b) => a - b);
          if (held.join() !== ids.join()) throw new Error(`${held} is not ${ids}`);
          if (set.ranges.some(({ first }, at) => at > 0 && set.ranges[at - 1]!.last + 1 >= first))
            throw new Error('they touch');
          const oldest = model.size === 0 ? null : Math.min(...[...model].map(hourOfId));
          if (set.oldestHour !== oldest) throw new Error(`oldest ${set.oldestHour} is not ${oldest}`);
          if (set.count !== model.size) throw new Error('count');
          const between = ids.filter((id) => id > probe && id <= upTo).length;
          if (set.countBetween(probe, upTo) !== between) throw new Error(`countBetween is not ${between}`);
        }
      }),
    ),
  );
});

t.test('ranges that touch become one', async (t) => {
  const set = new PendingSet();
  set.add({ first: 1, last: 5 }, new Map([[7, 5]]));
  set.add({ first: 6, last: 9 }, new Map([[7, 4]]));
  t.same(set.ranges, [{ first: 1, last: 9 }]);
});

t.test('rows that do not agree with memory are noticed', async (t) => {
  const set = new PendingSet();
  set.add({ first: 1, last: 5 }, new Map([[7, 5]]));
  t.equal(set.remove({ first: 1, last: 2 }, new Map([[7, 1]])), false);
  t.equal(set.remove({ first: 3, last: 4 }, new Map([[8, 2]])), false);
});

t.test('ids are added once only', async (t) => {
  const set = new PendingSet();
  set.add({ first: 5, last: 5 }, new Map([[7, 1]]));
  t.throws(() => set.add({ first: 5, last: 6 }, new Map([[7, 2]])), /added ids are new/);
});

t.test('events that move to another hour are counted there', async (t) => {
  const set = new PendingSet();
  set.add({ first: 1, last: 5 }, new Map([[7, 5]]));
  t.equal(set.oldestHour, 7);
  t.equal(
    set.move(
      new Map([
        [7, -3],
        [4, 3],
      ]),
    ),
    true,
  );
  t.equal(set.oldestHour, 4);
  t.same(set.hoursFrom(0).sort(), [4, 7]);
  set.move(
    new Map([
      [4, -3],
      [9, 3],
    ]),
  );
  t.equal(set.oldestHour, 7);
  t.equal(set.count, 5);
  t.equal(set.move(new Map([[8, -1]])), false, 'more than there were');
});
