import t from 'tap';
import { Health } from '../../../../collector/app/health.ts';

function standing() {
  const state = {
    now: 0,
    problem: null as string | null,
    objection: null as string | null,
    probes: 0,
    answer: Promise.resolve(),
  };
  const health = new Health({
    probe: async () => {
      state.probes++;
      await state.answer;
      if (state.problem !== null) throw new Error(state.problem);
    },
    clock: () => state.now,
    freshMs: 15_000,
    objection: () => state.objection,
    silentMs: 1_000,
    silenceHint: 'look at the disk',
  });
  return { state, health };
}

t.test('ready once a write has succeeded', async (t) => {
  const { health } = standing();
  t.match(health.readiness(), { ready: false, reason: /nothing was written/ });
  await health.probe();
  t.same(health.readiness(), { ready: true, reason: 'ready' });
});

t.test('not ready any more when the last one is too long ago, with the store’s own message', async (t) => {
  const { health, state } = standing();
  await health.probe();
  state.problem = 'connection refused';
  state.now = 15_000;
  await health.probe();
  t.ok(health.readiness().ready);
  state.now = 15_001;
  t.same(health.readiness(), { ready: false, reason: 'the store: connection refused' });
});

t.test('not ready while there is an objection, in its words', async (t) => {
  const { health, state } = standing();
  await health.probe();
  state.objection = "this machine's clock is wrong";
  t.same(health.readiness(), { ready: false, reason: "this machine's clock is wrong" });
  state.objection = null;
  t.ok(health.readiness().ready);
});

t.test('a write counts from its start', async (t) => {
  const { health, state } = standing();
  const probe = health.probe();
  state.now = 15_001;
  await probe;
  t.notOk(health.readiness().ready);
});

t.test('not ready while stopping, whatever the store says', async (t) => {
  const { health } = standing();
  await health.probe();
  health.drain();
  t.same(health.readiness(), { ready: false, reason: 'stopping' });
});

t.test('probes do not pile up', async (t) => {
  const { health, state } = standing();
  await Promise.all([health.probe(), health.probe()]);
  t.equal(state.probes, 1);
});

t.test('not ready while a write waits for too long, and until one has succeeded', async (t) => {
  const { health, state } = standing();
  await health.probe();
  const answer = Promise.withResolvers<void>();
  state.answer = answer.promise;
  const probe = health.probe();
  state.now = 1_000;
  t.ok(health.readiness().ready);
  state.now = 3_999;
  t.same(health.readiness(), { ready: false, reason: 'the store: no answer for 3 s: look at the disk' });
  state.problem = 'the file is locked';
  answer.resolve();
  await probe;
  state.now = 5_000;
  t.match(health.readiness(), { reason: /no answer for 5 s/ }, 'since the first that waited');
  state.answer = Promise.resolve();
  await health.probe();
  t.notOk(health.readiness().ready, 'a further failure');
  state.problem = null;
  await health.probe();
  t.ok(health.readiness().ready);
});
