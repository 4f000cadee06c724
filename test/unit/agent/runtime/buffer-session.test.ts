import t from 'tap';
import { BufferSession } from '../../../../agent/runtime/buffer-session.ts';
import type { Shipper } from '../../../../agent/ship/shipper.ts';
import { FakeTimers } from '../../../support/agent/fake-timers.ts';

const SHIPPER = {} as Shipper;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A session of a buffer whose recovery does what the test says, and what the session did. */
function fixture(recover: (pause: (ms: number) => Promise<boolean>) => Promise<void>) {
  const timers = new FakeTimers();
  const did: string[] = [];
  const faults: unknown[] = [];
  const buffer = {
    recover,
    scrubStep() {
      did.push('scrub');
      return false;
    },
  };
  const shipping = {
    begin(shipper: Shipper) {
      did.push(shipper === SHIPPER ? 'ship' : 'ship something else');
      return async () => {
        did.push('stopped shipping');
      };
    },
  };
  const session = new BufferSession(buffer, shipping, timers, (error) => faults.push(error));
  return { session, timers, did, faults };
}

t.test('a session ships and scrubs until it is stopped', async (t) => {
  const { session, timers, did } = fixture(async () => {});
  session.start(SHIPPER);
  timers.advance(10_000);
  t.same(did, ['ship', 'scrub']);
  await session.stop();
  t.same(did, ['ship', 'scrub', 'stopped shipping']);
  t.same(timers.waiting, []);
});

t.test('a recovery that fails is tried again, after longer and longer waits', async (t) => {
  const fault = new Error('disk I/O error');
  const attempts: number[] = [];
  const { session, timers, faults } = fixture(async () => {
    attempts.push(timers.now());
    if (attempts.length <= 8) throw fault;
  });
  session.start(SHIPPER);
  for (await turn(); attempts.length <= 8; await turn()) timers.advance(timers.waiting[0]!);
  const waits = attempts.slice(1).map((at, index) => (at - attempts[index]!) / 1_000);
  t.same(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
  t.same(
    faults,
    Array.from({ length: 8 }, () => fault),
  );
  await session.stop();
});

t.test('a stop ends a pause of the recovery', async (t) => {
  const answers: boolean[] = [];
  const { session, timers, faults } = fixture(async (pause) => {
    answers.push(await pause(5_000), await pause(5_000));
    throw new Error('closed');
  });
  session.start(SHIPPER);
  timers.advance(5_000);
  await turn();
  await session.stop();
  await turn();
  t.same(answers, [true, false]);
  t.same(faults, [], 'what a recovery that was ended says is no fault');
  t.same(timers.waiting, []);
});
