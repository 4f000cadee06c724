/** Events that a wrong clock stamped, from their acceptance to the moment at which they may be shipped. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FLAG } from '../../../../../shared/event/event.ts';
import { DAY_MS, HOUR_MS, hourOf } from '../../../../../shared/time.ts';
import { NOW } from '../../../../support/agent/events.ts';
import { FakeMachine } from '../../../../support/agent/fake-machine.ts';
import { Shop } from '../../../../support/agent/till-machine.ts';

const YEARS_MS = 3_652 * DAY_MS;
const SECOND = 1_000;
const DEFAULTED = FLAG.tsDefaulted;
const FLAGGED = FLAG.tsDefaulted | FLAG.clockSuspect;

/** @param wall that the machine starts with */
function shop(t: Test, wall = NOW): Shop {
  const machine = new FakeMachine();
  machine.set(wall);
  const made = new Shop(t.testdir(), machine).start();
  t.teardown(() => made.buffer.close());
  return made;
}

/** Ref, time less NOW, flags. */
const brief = (shop: Shop) => shop.offered().map(({ ref, ts, flags }) => [ref, ts - NOW, flags]);

t.test('a right clock changes nothing', async (t) => {
  const at = shop(t, NOW + 9 * SECOND);
  await at.sell(['a']);
  t.same(brief(at), [], 'though nothing is offered before the collector has confirmed it');
  t.equal(at.buffer.oldestPending(), 0, 'and nothing is vouched for');
  await at.greet();
  at.machine.advance(SECOND);
  await at.sell(['b']);
  t.same(brief(at), [
    ['a', 9 * SECOND, DEFAULTED],
    ['b', 10 * SECOND, DEFAULTED],
  ]);
  t.equal(at.buffer.oldestPending(), hourOf(NOW) * HOUR_MS);
  t.equal(at.segments(), 0);
  at.check();
});

t.test('a clock that is wrong from the start on', async (t) => {
  for (const [name, wall] of Object.entries({
    'ten years ahead': NOW + YEARS_MS,
    'ten years behind': NOW - YEARS_MS,
    'one minute ahead': NOW + 60 * SECOND,
    'two hours behind': NOW - 2 * HOUR_MS,
    'at 1970': 0,
    'at 2000': Date.UTC(2000, 0, 1),
  })) {
    t.test(name, async (t) => {
      const at = shop(t, wall);
      await at.sell(['a', 'b']);
      at.machine.advance(HOUR_MS);
      await at.sell(['c']);
      await at.sell(['given'], { ts: NOW - 77 * DAY_MS });
      await at.greet();
      at.machine.advance(HOUR_MS);
      await at.sell(['d']);
      t.same(brief(at), [
        ['a', 0, FLAGGED],
        ['b', 0, FLAGGED],
        ['c', HOUR_MS, FLAGGED],
        ['given', -77 * DAY_MS, FLAG.clockSuspect],
        ['d', 2 * HOUR_MS, FLAGGED],
      ]);
      t.equal(at.buffer.oldestPending(), NOW - 77 * DAY_MS - (NOW % HOUR_MS));
      t.equal(at.buffer.firstPendingFrom(hourOf(NOW) + 2), at.buffer.lastId());
      t.equal(at.segments(), 0);
      at.check();
    });
  }
});

t.test('a clock that jumps while nobody is there to ask', async (t) => {
  const at = shop(t);
  await at.sell(['a']);
  at.machine.wallError = YEARS_MS;
  at.machine.advance(60 * SECOND);
  await at.sell(['b']);
  at.machine.wallError = -YEARS_MS;
  at.machine.advance(60 * SECOND);
  await at.sell(['c', 'd']);
  at.machine.wallError = 0;
  at.machine.advance(60 * SECOND);
  await at.sell(['e']);
  at.machine.suspend(3 * HOUR_MS);
  await at.sell(['f']);
  await at.greet();
  t.same(brief(at), [
    ['a', 0, DEFAULTED],
    ['b', 60 * SECOND, FLAGGED],
    ['c', 120 * SECOND, FLAGGED],
    ['d', 120 * SECOND, FLAGGED],
    ['e', 180 * SECOND, DEFAULTED],
    ['f', 180 * SECOND + 3 * HOUR_MS, DEFAULTED],
  ]);
  at.check();
});

t.test('a clock that jumps after the collector was heard', async (t) => {
  const at = shop(t);
  await at.sell(['a']);
  await at.greet();
  const before = at.offered();
  at.machine.wallError = YEARS_MS;
  await at.sell(['b']);
  t.same(at.offered(), before, 'holds back what was stamped since, until it is asked again');
  t.equal(at.buffer.oldestPending(), 0);
  await at.greet();
  t.same(brief(at), [
    ['a', 0, DEFAULTED],
    ['b', 0, FLAGGED],
  ]);
  await at.sell(['c']);
  t.same(brief(at).at(-1), ['c', 0, FLAGGED], 'and then stamps it right at once');
  at.check();
});

t.test('what was offered once stays as it is, whatever the clock does', async (t) => {
  const at = shop(t, NOW + YEARS_MS);
  await at.sell(['a', 'b', 'c']);
  await at.greet();
  await at.sell(['d']);
  const shipped = at.offered();
  t.equal(shipped.length, 4);
  const [first] = at.buffer.pending(0);
  await at.buffer.settle([{ kind: 'stored', epoch: first!.epoch, firstSeq: 1, lastSeq: 2 }]);
  for (const wall of [0, NOW - YEARS_MS, NOW, NOW + YEARS_MS]) {
    at.machine.set(wall);
    at.clock.detectStep();
    await at.greet();
    t.same(at.offered(), shipped.slice(2));
    at.restart();
    await at.greet();
    t.same(at.offered(), shipped.slice(2));
  }
  at.reboot(DAY_MS, NOW - YEARS_MS);
  await at.greet();
  t.same(at.offered(), shipped.slice(2));
  at.check();
});

t.test('a greeting judges what is about to be committed, too', async (t) => {
  const at = shop(t, NOW + YEARS_MS);
  const accepted = at.sell(['a']);
  const greeted = at.greet();
  const after = at.sell(['b']);
  await Promise.all([accepted, greeted, after]);
  t.same(brief(at), [
    ['a', 0, FLAGGED],
    ['b', 0, FLAGGED],
  ]);
});

t.test('a greeting waits for a large request that was stamped before it', async (t) => {
  const at = shop(t, NOW + YEARS_MS);
  const items = Array.from({ length: 300 }, (_, index) => ({ sku: `SKU-${index}`, qty: 1, price: index }));
  const refs = Array.from({ length: 600 }, (_, index) => `R-${index}`);
  const accepted = at.sell(refs, { items });
  let isStored = false;
  void accepted.then(() => {
    isStored = true;
  });
  await setImmediate();
  t.equal(isStored, false, 'it is made ready in turns');
  await at.greet();
  await accepted;
  t.same(new Set(brief(at).map(([, ts, flags]) => `${ts} ${flags}`)), new Set([`0 ${FLAGGED}`]));
  t.equal(at.offered().length, 600);
});

t.test('a clock that jumps while a greeting is on confirms nothing by it', async (t) => {
  const at = shop(t);
  const greeted = at.greet();
  at.machine.wallError = HOUR_MS;
  at.clock.detectStep();
  await Promise.all([at.sell(['a']), greeted]);
  t.same(brief(at), [['a', 0, FLAGGED]]);
  await at.sell(['b']);
  t.equal(at.offered().length, 1);
  await at.greet();
  t.same(brief(at).at(-1), ['b', 0, FLAGGED]);
});

t.test('a greeting that waits judges by the time that it is then', async (t) => {
  const at = shop(t);
  const greeted = at.greet();
  at.machine.wallError = 60 * SECOND;
  at.clock.detectStep();
  at.machine.suspend(HOUR_MS);
  const sold = at.sell(['a']);
  await Promise.all([greeted, sold]);
  await at.greet();
  const [event] = at.offered();
  t.ok(Math.abs(event!.ts - at.machine.trueTime) < 20);
});

t.test('a restart', async (t) => {
  t.test('in the same boot changes nothing: what was stamped is corrected', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    at.machine.advance(HOUR_MS);
    at.restart();
    await at.sell(['b']);
    at.machine.suspend(HOUR_MS);
    at.restart();
    await at.sell(['c']);
    await at.greet();
    t.same(
      brief(at).map(([ref, ts, flags]) => [ref, Math.round((ts as number) / 100) * 100, flags]),
      [
        ['a', 0, FLAGGED],
        ['b', HOUR_MS, FLAGGED],
        ['c', 2 * HOUR_MS, FLAGGED],
      ],
    );
    at.check();
  });

  t.test('in the same boot keeps what was heard of the time', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.greet();
    at.restart();
    await at.sell(['a']);
    await at.greet();
    t.same(brief(at), [['a', 0, FLAGGED]]);
  });

  t.test('of a machine without a battery: guessed, and flagged', async (t) => {
    const at = shop(t, 0);
    await at.greet();
    at.reboot(DAY_MS, 0);
    await at.sell(['a']);
    at.reboot(DAY_MS, 0);
    await at.sell(['b']);
    await at.greet();
    t.same(brief(at), [
      ['a', 0, FLAGGED],
      ['b', 2 * DAY_MS, FLAGGED],
    ]);
  });

  t.test('of a machine whose clock was ahead: corrected by the same, and flagged', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    at.reboot(DAY_MS);
    await at.greet();
    t.same(brief(at), [['a', 0, FLAGGED]]);
  });

  t.test('of a machine whose clock was ahead and is not: flagged', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    at.reboot(DAY_MS, NOW + DAY_MS);
    await at.sell(['b']);
    await at.greet();
    t.same(brief(at), [
      ['a', YEARS_MS, FLAGGED],
      ['b', DAY_MS, DEFAULTED],
    ]);
  });

  t.test('of a machine with a right clock: nothing to correct', async (t) => {
    const at = shop(t);
    await at.sell(['a']);
    at.reboot(DAY_MS);
    await at.greet();
    t.same(brief(at), [['a', 0, DEFAULTED]]);
  });
});

t.test('a file that is damaged before the collector was heard', async (t) => {
  t.test('of a clock that is ahead: corrected by what it is off now, and flagged', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    at.machine.advance(HOUR_MS);
    await at.salvage(() => at.machine.restart());
    await at.sell(['b']);
    t.same(brief(at), [], 'nothing is offered before');
    await at.salvage(() => at.machine.restart());
    await at.greet();
    t.same(brief(at), [
      ['a', 0, FLAGGED],
      ['b', HOUR_MS, FLAGGED],
    ]);
    t.equal(at.segments(), 0);
    at.check();
  });

  t.test('of a clock that was ahead and is not: flagged', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    await at.salvage(() => at.machine.reboot(DAY_MS, NOW + DAY_MS));
    t.match(await at.sell(['a', 'b']), { accepted: 1 }, 'a repeat is known');
    await at.greet();
    t.same(brief(at), [
      ['a', YEARS_MS, FLAGGED],
      ['b', DAY_MS, DEFAULTED],
    ]);
  });

  for (const [now, error, time] of [
    ['right', 0, YEARS_MS],
    ['ahead again', YEARS_MS + HOUR_MS, -HOUR_MS],
  ] as const) {
    t.test(`of a clock that was set back in between, and is ${now}: each stretch is judged by itself`, async (t) => {
      const at = shop(t, NOW + YEARS_MS);
      await at.sell(['a', 'b']);
      at.machine.set(NOW);
      const between = Array.from({ length: 5_000 }, (_, index) => `R-${index}`);
      await at.sell(between.slice(0, 2_500));
      await at.sell(between.slice(2_500));
      at.machine.set(NOW + YEARS_MS);
      await at.sell(['c']);
      at.machine.set(NOW);
      await at.sell(['d']);
      await at.salvage(() => at.machine.reboot(DAY_MS, NOW + DAY_MS + error));
      await at.sell(['e']);
      await at.greet();
      t.same(brief(at), [
        ['a', time, FLAGGED],
        ['b', time, FLAGGED],
        ...between.map((ref) => [ref, 0, DEFAULTED]),
        ['c', time, FLAGGED],
        ['d', 0, DEFAULTED],
        ['e', DAY_MS, error === 0 ? DEFAULTED : FLAGGED],
      ]);
      t.equal(at.segments(), 0);
      at.check();
    });
  }

  t.test('of a right clock: nothing to correct', async (t) => {
    const at = shop(t);
    await at.sell(['a']);
    await at.salvage(() => at.machine.reboot(DAY_MS));
    await at.sell(['b']);
    await at.greet();
    t.same(brief(at), [
      ['a', 0, DEFAULTED],
      ['b', DAY_MS, DEFAULTED],
    ]);
    t.equal(at.segments(), 0);
  });

  t.test('after it was heard, what was offered stays as it is, whatever a collector says then', async (t) => {
    const at = shop(t);
    await at.greet();
    await at.sell(['a']);
    at.machine.set(NOW + YEARS_MS);
    await at.sell(['b']);
    await at.salvage(() => at.machine.reboot(0, NOW));
    t.same(brief(at), [['a', 0, DEFAULTED]], 'b was not');
    const measure = at.machine.measure();
    await at.buffer.greeted({ storeGen: 'g', ...measure, trueTimeOrigin: measure.trueTimeOrigin - DAY_MS });
    t.same(brief(at)[0], ['a', 0, DEFAULTED]);
    t.match(brief(at)[1], ['b', Number, FLAGGED]);
  });
});

t.test('a correction of many events', async (t) => {
  const COUNT = 1_700;

  t.test('goes on where the power was cut, and is done once', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    const refs = Array.from({ length: COUNT }, (_, index) => `R-${index}`);
    await at.sell(refs);
    await at.sell(['given'], { ts: NOW - DAY_MS });
    let done = false;
    const greeted = at.greet().then(() => {
      done = true;
    });
    const cuts: string[] = [];
    while (!done) {
      cuts.push(join(t.testdirName, `cut-${cuts.length}`));
      at.copy(cuts.at(-1)!);
      await setImmediate();
    }
    await greeted;
    const expected = at.offered();
    t.equal(expected.length, COUNT + 1);
    t.ok(expected.slice(0, COUNT).every(({ ts, flags }) => ts === NOW && flags === FLAGGED));
    t.ok(cuts.length > 4, 'it was cut between slices');
    const partial = new Set<number>();
    for (const cut of cuts) {
      // Another boot: what the first greeting has found out is all that is known of the boot before.
      for (const reboots of [false, true]) {
        const machine = new FakeMachine();
        const directory = `${cut}-${reboots}`;
        at.copy(directory);
        const copy = new Shop(cut, machine);
        if (reboots) machine.reboot(DAY_MS, NOW + YEARS_MS);
        else machine.restart();
        copy.start();
        partial.add(copy.offered().length);
        await copy.greet();
        t.same(copy.offered(), expected);
        copy.check();
        copy.buffer.close();
      }
    }
    t.ok(partial.size > 2, `it was cut in the midst: ${[...partial]}`);
  });

  t.test('leaves room for sales between its slices', async (t) => {
    const at = shop(t, NOW - YEARS_MS);
    await at.sell(Array.from({ length: COUNT }, (_, index) => `R-${index}`));
    const greeted = at.greet();
    const order: string[] = [];
    void greeted.then(() => order.push('greeted'));
    await at.sell(['new']).then(() => order.push('sold'));
    await greeted;
    t.same(order, ['sold', 'greeted']);
    t.same(brief(at).at(-1), ['new', 0, FLAGGED]);
    at.check();
  });
});

t.test('a repeat is known for 24 hours of true time', async (t) => {
  const outcome = async (at: Shop): Promise<string> => {
    const accepted = await at.sell(['a']);
    return accepted.kind === 'accepted' && accepted.accepted === 0 ? 'known' : 'new';
  };

  for (const wall of [NOW + YEARS_MS, NOW - YEARS_MS, 0]) {
    t.test(`through a jump to ${new Date(wall).getUTCFullYear()}`, async (t) => {
      const at = shop(t);
      await at.sell(['a']);
      at.machine.set(wall);
      t.equal(await outcome(at), 'known');
      t.equal(at.buffer.expireStep(), false);
      t.equal(await outcome(at), 'known');
      at.restart();
      at.buffer.expireStep();
      t.equal(await outcome(at), 'known');
      await at.greet();
      at.buffer.expireStep();
      t.equal(await outcome(at), 'known');
      at.machine.advance(DAY_MS - SECOND);
      t.equal(await outcome(at), 'known');
      at.machine.advance(SECOND);
      t.equal(await outcome(at), 'new');
      at.check();
    });
  }

  t.test('of a wrong clock that is corrected', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    at.machine.advance(HOUR_MS);
    await at.greet();
    at.restart();
    t.equal(await outcome(at), 'known');
    at.machine.advance(23 * HOUR_MS - SECOND);
    t.equal(await outcome(at), 'known');
    at.machine.advance(SECOND);
    t.equal(await outcome(at), 'new');
  });

  t.test('and not longer than a day beyond a reboot, where the boot before had a wrong clock', async (t) => {
    const at = shop(t, NOW + YEARS_MS);
    await at.sell(['a']);
    at.reboot(HOUR_MS, NOW + HOUR_MS);
    t.equal(await outcome(at), 'known');
    at.machine.advance(DAY_MS);
    t.equal(await outcome(at), 'new');
  });

  t.test('though the machine was off between', async (t) => {
    const at = shop(t);
    await at.sell(['a']);
    at.reboot(23 * HOUR_MS);
    t.equal(await outcome(at), 'known');
    at.reboot(2 * HOUR_MS);
    t.equal(await outcome(at), 'new');
  });
});

t.test('acked events are kept as long as was said, whatever the clock does', async (t) => {
  const at = shop(t);
  await at.sell(['a', 'b']);
  await at.greet();
  const [first] = at.buffer.pending(0);
  await at.buffer.settle([{ kind: 'stored', epoch: first!.epoch, firstSeq: 1, lastSeq: 1 }]);
  for (const wall of [NOW + YEARS_MS, NOW - YEARS_MS]) {
    at.machine.set(wall);
    at.clock.detectStep();
    at.buffer.expireStep();
    t.equal(at.buffer.facts().acked, 1);
    at.restart();
    at.buffer.expireStep();
    t.equal(at.buffer.facts().acked, 1);
    at.reboot(HOUR_MS, wall);
    at.buffer.expireStep();
    t.equal(at.buffer.facts().acked, 1);
  }
  at.machine.wallError = 0;
  await at.greet();
  at.machine.advance(22 * HOUR_MS);
  at.buffer.expireStep();
  t.equal(at.buffer.facts().acked, 0);
});

t.test('a damaged memory of the time is forgotten', async (t) => {
  const at = shop(t);
  await at.sell(['a']);
  await at.greet();
  at.buffer.close();
  const { default: Sqlite } = await import('better-sqlite3');
  for (const value of ['{', 'null', '{"boot":1}', '{"boot":"boot-1","origin":"x","at":1,"toleranceMs":1}']) {
    const db = new Sqlite(at.path);
    t.equal(db.prepare("UPDATE meta SET value = ? WHERE key = 'true_time'").run(value).changes, 1);
    db.close();
    at.start();
    t.equal(at.clock.offset, null);
    at.buffer.close();
  }
  at.start();
});
