import t from 'tap';
import { DisciplinedClock, EARLIEST } from '../../../../agent/clock/disciplined-clock.ts';
import { machineClocks } from '../../../../agent/clock/machine-clocks.ts';
import { startStepWatch } from '../../../../agent/clock/step-watch.ts';
import { DAY_MS, HOUR_MS, MAX_TS } from '../../../../shared/time.ts';
import { NOW } from '../../../support/agent/events.ts';
import { FakeMachine } from '../../../support/agent/fake-machine.ts';
import { FakeTimers } from '../../../support/agent/fake-timers.ts';

const YEARS_MS = 3_652 * DAY_MS;
const SECOND = 1_000;

t.test('the believed clock', async (t) => {
  t.test('goes by the wall clock, as long as that may be right', async (t) => {
    const machine = new FakeMachine();
    machine.wallError = 300 * SECOND;
    const clock = new DisciplinedClock(machine);
    t.equal(clock.now(), NOW + 300 * SECOND);
    machine.advance(90_500);
    t.equal(clock.now(), NOW + 390_500);
    t.match(clock.stamp(), { at: NOW + 390_500, segment: { boot: 'boot-1', right: false }, suspect: false });
  });

  t.test('begins another segment when the wall clock is set, and tells', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    const { segment } = clock.stamp();
    let steps = 0;
    const end = clock.onStep(() => steps++);
    machine.wallError = 1_500;
    t.equal(clock.now(), NOW, 'what a clock is slewed by is no step');
    t.equal(clock.stamp().segment, segment);
    machine.wallError = YEARS_MS;
    t.equal(clock.now(), NOW + YEARS_MS);
    t.equal(clock.stamp().segment.origin - segment.origin, YEARS_MS);
    t.equal(steps, 1);
    machine.wallError = 0;
    t.equal(clock.now(), NOW);
    t.equal(steps, 2);
    end();
    machine.wallError = YEARS_MS;
    clock.now();
    t.equal(steps, 2);
  });

  t.test('does not follow a wall clock that shows a time long past, or one that no event can have', async (t) => {
    for (const wall of [0, Date.UTC(2000, 0, 1), Date.UTC(2016, 10, 22), MAX_TS + 1]) {
      const machine = new FakeMachine();
      const clock = new DisciplinedClock(machine);
      machine.set(wall);
      machine.advance(5_000);
      t.equal(clock.now(), NOW + 5_000, 'it goes on');
      t.equal(clock.stamp().suspect, true);
      machine.wallError = 0;
      t.equal(clock.now(), NOW + 5_000);
      t.equal(clock.stamp().suspect, false);
    }
  });

  t.test('begins with the latest time that is known to have passed, on a machine without a battery', async (t) => {
    const machine = new FakeMachine();
    machine.set(0);
    const clock = new DisciplinedClock(machine);
    t.equal(clock.now(), EARLIEST);
    clock.recall(null, [NOW - DAY_MS, NOW - HOUR_MS]);
    t.equal(clock.now(), NOW - HOUR_MS);
    machine.advance(7_000);
    t.equal(clock.now(), NOW - HOUR_MS + 7_000);
    clock.recall({ boot: 'boot-0', origin: 0, at: NOW - 2 * HOUR_MS, toleranceMs: 10_000 }, [NOW - 3 * HOUR_MS]);
    t.equal(clock.now(), NOW - HOUR_MS + 7_000, 'it never goes back for what it learns');
    t.equal(clock.stamp().suspect, true);
    machine.wallError = 0;
    t.equal(clock.now(), NOW + 7_000, 'until the wall clock is set');
  });

  t.test('takes a wall clock behind what the collector once told for wrong', async (t) => {
    const machine = new FakeMachine();
    machine.wallError = -HOUR_MS;
    const clock = new DisciplinedClock(machine);
    t.equal(clock.stamp().suspect, false);
    clock.recall({ boot: 'boot-0', origin: 0, at: NOW - 1_000, toleranceMs: 10_000 }, []);
    t.equal(clock.now(), NOW - 1_000);
    t.equal(clock.stamp().suspect, true);
  });

  t.test('goes on through a suspend', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    const { segment } = clock.stamp();
    machine.suspend(8 * HOUR_MS);
    t.equal(Math.abs(clock.now() - machine.trueTime) <= 10, true);
    t.equal(clock.stamp().segment, segment, 'which is no step');
    machine.suspend(200);
    t.equal(Math.abs(clock.now() - machine.trueTime) <= 210, true);
    machine.suspend(HOUR_MS);
    t.equal(Math.abs(clock.now() - machine.trueTime) <= 10, true);
    t.equal(clock.stamp().segment, segment);
  });

  t.test('takes a suspend for a step where nothing tells of it', async (t) => {
    const machine = new FakeMachine();
    machine.tellsUptime = false;
    const clock = new DisciplinedClock(machine);
    const { segment } = clock.stamp();
    machine.suspend(8 * HOUR_MS);
    t.equal(clock.now(), machine.trueTime);
    t.not(clock.stamp().segment, segment);
  });
});

t.test('once it has heard the collector', async (t) => {
  t.test('it shows true time, and says that the wall clock is wrong', async (t) => {
    for (const error of [YEARS_MS, -YEARS_MS, 60 * SECOND, -11 * SECOND]) {
      const machine = new FakeMachine();
      machine.wallError = error;
      const clock = new DisciplinedClock(machine);
      t.equal(clock.offset, null);
      const truth = clock.compare(machine.measure());
      t.match(truth, { boot: 'boot-1', at: NOW, toleranceMs: 10_000 });
      t.equal(clock.now(), NOW);
      t.match(clock.stamp(), { suspect: true, segment: { right: true } });
      t.equal(clock.offset, -error);
    }
  });

  t.test('it keeps a wall clock that agrees', async (t) => {
    const machine = new FakeMachine();
    machine.wallError = 9 * SECOND;
    const clock = new DisciplinedClock(machine);
    clock.compare(machine.measure());
    t.equal(clock.now(), NOW + 9 * SECOND);
    t.match(clock.stamp(), { suspect: false, segment: { right: true } });
    t.equal(clock.offset, -9 * SECOND);
  });

  t.test('clocks agree that differ by less than the answer was under way', async (t) => {
    const machine = new FakeMachine();
    machine.wallError = 25 * SECOND;
    const clock = new DisciplinedClock(machine);
    t.match(clock.compare(machine.measure(30 * SECOND)), { toleranceMs: 30 * SECOND });
    t.equal(clock.now(), NOW + 25 * SECOND);
  });

  t.test('it follows a wall clock no more that contradicts it, and asks again', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    clock.compare(machine.measure());
    let steps = 0;
    clock.onStep(() => steps++);
    machine.wallError = YEARS_MS;
    machine.advance(5_000);
    t.equal(clock.now(), NOW + 5_000);
    t.match(clock.stamp(), { suspect: true, segment: { right: false } });
    t.equal(clock.offset, -YEARS_MS);
    t.equal(steps, 1);
    clock.compare(machine.measure());
    t.match(clock.stamp(), { suspect: true, segment: { right: true } });
    machine.advance(5_000);
    t.equal(clock.now(), NOW + 10_000);
    t.equal(steps, 1, 'once for each time that it is set');
  });

  t.test('it does not believe a collector that is before all agents', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    machine.trueTime = Date.UTC(2011, 10, 22);
    machine.set(NOW);
    t.equal(clock.compare(machine.measure()), null);
    t.equal(clock.now(), NOW);
    t.match(clock.stamp(), { suspect: false, segment: { right: true } }, 'and ships all the same');
    t.equal(clock.offset, null);
  });

  t.test('it is set right in the midst of a session, should it stray', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    clock.compare(machine.measure());
    const { segment } = clock.stamp();
    machine.trueTime += 5 * SECOND;
    machine.wallError -= 5 * SECOND;
    clock.hear(machine.measure());
    t.equal(clock.stamp().segment, segment);
    machine.trueTime += 20 * SECOND;
    machine.wallError -= 20 * SECOND;
    clock.hear(machine.measure());
    t.equal(clock.now(), machine.trueTime);
    t.match(clock.stamp().segment, { right: true });
  });

  t.test('a measure does not confirm what no greeting has', async (t) => {
    const machine = new FakeMachine();
    machine.wallError = YEARS_MS;
    const clock = new DisciplinedClock(machine);
    clock.hear(machine.measure());
    t.match(clock.stamp().segment, { right: false });
  });

  t.test('the next process of the same boot knows, through suspends too', async (t) => {
    const machine = new FakeMachine();
    machine.wallError = YEARS_MS;
    const truth = new DisciplinedClock(machine).compare(machine.measure());
    machine.advance(HOUR_MS);
    machine.suspend(HOUR_MS);
    machine.restart();
    const clock = new DisciplinedClock(machine);
    clock.recall(truth, []);
    t.ok(Math.abs(clock.now() - machine.trueTime) <= 10);
    t.match(clock.stamp(), { suspect: true, segment: { right: false } }, 'though it is to be confirmed');
    machine.reboot(HOUR_MS);
    const other = new DisciplinedClock(machine);
    other.recall(truth, []);
    t.equal(other.now(), machine.wall(), 'that of another boot does not');
  });

  t.test('what the last boot heard is not what this one has', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    clock.compare(machine.measure());
    clock.recall({ boot: 'boot-1', origin: 7, at: NOW - DAY_MS, toleranceMs: 1 }, [NOW + DAY_MS]);
    t.equal(clock.now(), NOW, 'a buffer opened anew tells nothing newer');
  });
});

t.test('the time for what is kept for a while', async (t) => {
  t.test('is the believed time', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    clock.recall(null, [NOW - 3 * DAY_MS]);
    machine.advance(HOUR_MS);
    t.equal(clock.retention(), NOW + HOUR_MS);
    t.equal(clock.running(), HOUR_MS);
  });

  t.test('passes as before while nobody confirms a jump', async (t) => {
    for (const jump of [YEARS_MS, 2 * DAY_MS, -YEARS_MS]) {
      const machine = new FakeMachine();
      const clock = new DisciplinedClock(machine);
      clock.recall(null, [NOW - DAY_MS, NOW - HOUR_MS]);
      machine.wallError = jump;
      machine.advance(HOUR_MS);
      clock.detectStep();
      t.equal(clock.retention(), NOW + HOUR_MS);
      machine.wallError = 0;
      clock.compare(machine.measure());
      t.equal(clock.retention(), NOW + HOUR_MS);
    }
  });

  t.test('a machine that claims to have been off for years is believed when the collector says so', async (t) => {
    const machine = new FakeMachine();
    const clock = new DisciplinedClock(machine);
    const told = NOW - 300 * DAY_MS;
    const seen = [told + 20 * DAY_MS, told + 40 * DAY_MS, told + YEARS_MS, told + 50 * DAY_MS];
    clock.recall({ boot: 'boot-0', origin: 0, at: told, toleranceMs: 10_000 }, seen);
    machine.advance(1_000);
    t.equal(clock.retention(), told + 50 * DAY_MS + 1_000);
    clock.compare(machine.measure());
    t.equal(clock.retention(), NOW + 1_000);
  });
});

t.test("a container's own uptime is not taken for suspends", async (t) => {
  const machine = new FakeMachine();
  machine.uptime = () => machine.monotonic() - 50_000;
  const clock = new DisciplinedClock(machine);
  machine.advance(5_000);
  t.equal(clock.now(), NOW + 5_000);
  t.match(clock.compare(machine.measure()), { at: NOW + 5_000 });
});

t.test('the watch looks each second', async (t) => {
  const machine = new FakeMachine();
  const clock = new DisciplinedClock(machine);
  const timers = new FakeTimers();
  const end = startStepWatch(clock, timers.after.bind(timers));
  let steps = 0;
  clock.onStep(() => steps++);
  machine.wallError = HOUR_MS;
  timers.advance(999);
  t.equal(steps, 0);
  timers.advance(1);
  t.equal(steps, 1);
  machine.wallError = 0;
  timers.advance(1_000);
  t.equal(steps, 2);
  end();
  machine.wallError = HOUR_MS;
  timers.advance(10_000);
  t.equal(steps, 2);
});

t.test('this machine', async (t) => {
  const machine = machineClocks();
  t.ok(Math.abs(machine.wall() - Date.now()) < 1_000);
  t.ok(Math.abs(machine.monotonic() - machine.processStart - performance.now()) < 1_000);
  t.match(machine.boot, /^[0-9a-f-]{36}/);
  t.equal(machineClocks().boot === machine.boot, process.platform === 'linux');
  const clock = new DisciplinedClock(machine);
  t.ok(Math.abs(clock.now() - Date.now()) < 1_000);
});
