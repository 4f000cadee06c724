/** What terminals may cause by naming what the store never acknowledged. */
import t from 'tap';
import { INGEST_LIMITS } from '../../../../../collector/ingest/limits.ts';
import { AckedCheck, type AckedCheckOptions } from '../../../../../collector/ingest/status/acked-check.ts';
import { merchantId, terminalId } from '../../../../../shared/ids.ts';
import { KIND } from '../../../../../shared/keys.ts';
import type { AckedRun } from '../../../../../shared/wire/messages.ts';

const HOUR_MS = 3_600_000;
const run = (first: number, last: number): AckedRun => [KIND.events, '00000000000000aa', 1, first, last];
const RUN = run(1, 5);
const till = (terminal: string) => ({ merchant: merchantId('acme'), terminal: terminalId(terminal) });

function checking(holdsAll: AckedCheckOptions['log']['holdsAll']) {
  const state = { clock: 0, lacks: 0, forgot: 0, asked: 0, told: [] as [string, number][], generation: 0 };
  const check = new AckedCheck({
    log: {
      holdsAll: (...run) => {
        state.asked++;
        return holdsAll(...run);
      },
    },
    storeGen: () => 'g',
    clock: () => state.clock,
    random: () => ++state.generation / 2 ** 32,
    metrics: { storeLacks: () => state.lacks++ },
    onStoreLacks: ({ terminal }, terminals) => state.told.push([terminal, terminals]),
    forget: () => state.forgot++,
    limits: INGEST_LIMITS,
  });
  const says = (terminal: string, storeGen = 'g', runs = [RUN]) =>
    check.generation(till(terminal), { storeGen, ackedThrough: runs });
  return { state, check, says };
}
const lacking: AckedCheckOptions['log']['holdsAll'] = async () => ({ holds: false, read: 1 });

t.test('a claim that stays untrue gets another generation once an hour', async (t) => {
  const { state, says } = checking(lacking);
  const given = new Set<string>();
  for (let minute = 0; minute < 24 * 60; minute += 5) {
    state.clock = minute * 60_000;
    given.add((await says('till-1')).storeGen);
  }
  t.equal(given.size, 24);
  t.equal(state.lacks, 24);
  t.equal(state.forgot, 24);
});

t.test('a till that another collector told a generation makes this one forget what it remembers, once', async (t) => {
  const { state, says } = checking(async () => ({ holds: true, read: 1 }));
  await says('till-1');
  await says('till-2', 'g+00000001');
  t.equal(state.forgot, 0, 'the first that is heard of each');
  await says('till-1', 'g+00000002');
  await says('till-1', 'g+00000002');
  t.equal(state.forgot, 1);
  for (let at = 0; at < 100; at++) await says('till-3', at % 2 === 0 ? 'g' : 'g+00000003');
  t.ok(state.forgot <= 1 + INGEST_LIMITS.claimChecksAtOnce.value, 'no till makes it forget without end');
});

t.test('one that asks without end is believed beyond its rate, and reads no more', async (t) => {
  const { state, says } = checking(lacking);
  for (let at = 0; at < 1_000; at++) await says('till-1');
  t.equal(state.asked, INGEST_LIMITS.claimChecksAtOnce.value);
  t.same(await says('till-1', 'g+000000ff'), { storeGen: 'g+000000ff', lacks: false, isSure: false });
  t.match(await says('till-2'), { lacks: true }, 'others are asked for');
});

t.test('a thousand liars fill no log', async (t) => {
  const { state, says } = checking(lacking);
  for (let at = 0; at < 1_000; at++) await says(`till-${at}`);
  t.same(state.told, [['till-0', 1]]);
  state.clock += HOUR_MS;
  await says('till-1');
  t.same(state.told.at(-1), ['till-1', 1_000]);
  t.equal(state.lacks, 1_001);
});

t.test('a generation that this store never had is not repeated', async (t) => {
  const { says, state } = checking(lacking);
  for (const odd of ['h', 'g+', 'g+xyz', 'g+000000ff0', 'g-000000ff', 'gg', ''])
    t.same(await says('till-1', odd), { storeGen: 'g', lacks: false, isSure: true }, odd);
  t.equal(state.asked, 0);
});

t.test('what is read for a status is bounded', async (t) => {
  const runs: number[] = [];
  const { says, state } = checking(async (_stream, { first, last }, maxRows) => {
    runs.push(last - first + 1);
    return { holds: true, read: Math.min(maxRows, 3_000) };
  });
  await says(
    'till-1',
    'g',
    Array.from({ length: 16 }, () => run(1, Number.MAX_SAFE_INTEGER)),
  );
  t.same(runs, [1_000, 1_000, 1_000]);
  await says('till-2', 'g', [run(5, 1), run(0, 0)]);
  t.equal(state.asked, 3, 'empty runs are skipped');
});

t.test('a store that gives no answer keeps no till waiting, and only so many questions', async (t) => {
  const { state, says, check } = checking(() => new Promise(() => undefined));
  const answers = Array.from({ length: 100 }, (_, at) => says(`till-${at}`));
  t.equal(state.asked, INGEST_LIMITS.claimChecksRunning.value);
  state.clock += INGEST_LIMITS.claimCheckWait.value;
  check.expire();
  t.match(await answers[0], { lacks: false });
  state.clock = INGEST_LIMITS.claimCheckTurn.value;
  check.expire();
  t.same(
    await Promise.all(answers),
    answers.map(() => ({ storeGen: 'g', lacks: false, isSure: false })),
  );
  t.ok(
    INGEST_LIMITS.claimCheckTurn.value + INGEST_LIMITS.claimCheckWait.value + 2_000 < 30_000,
    'before a till doubts',
  );
});

t.test('of a store that was restored every till is told, however many connect at once', async (t) => {
  const { state, says } = checking(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return { holds: false, read: 1 };
  });
  const answers = await Promise.all(Array.from({ length: 5_000 }, (_, at) => says(`till-${at}`)));
  t.equal(answers.filter(({ lacks }) => lacks).length, 5_000);
  t.equal(state.lacks, 5_000);
});

t.test('what the store tells too late is told at the next status, unless another collector told it', async (t) => {
  const slow = Promise.withResolvers<{ holds: boolean; read: number }>();
  const { state, check, says } = checking(() => slow.promise);
  const early = [says('till-1'), says('till-1'), says('till-2'), says('till-3')];
  state.clock += INGEST_LIMITS.claimCheckWait.value;
  check.expire();
  for (const answer of early) t.match(await answer, { storeGen: 'g', lacks: false });
  t.equal(state.asked, 3, 'a status that comes meanwhile waits for the same answer');
  slow.resolve({ holds: false, read: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  t.match(await says('till-1', 'g', []), { storeGen: /^g\+/, lacks: true }, 'whatever it says now');
  t.match(await says('till-1', 'g', []), { storeGen: 'g', lacks: false }, 'once');
  t.match(await says('till-2', 'g+00000001', []), { storeGen: 'g+00000001', lacks: false });
  t.match(await says('till-2', 'g', []), { storeGen: 'g', lacks: false });
});

t.test('statuses that wait leave room for those of other merchants', async (t) => {
  const { state, check } = checking(() => new Promise(() => undefined));
  const { claimChecksRunning, claimChecksWaiting } = INGEST_LIMITS;
  const ask = (merchant: string, at: number) =>
    check.generation(
      { merchant: merchantId(merchant), terminal: terminalId(`till-${at}`) },
      { storeGen: 'g', ackedThrough: [RUN] },
    );
  const evil = Array.from({ length: claimChecksWaiting.value }, (_, at) => ask('evil', at));
  t.match(await evil.at(-1), { lacks: false }, 'no room');
  let answered = false;
  void ask('good', 1).then(() => {
    answered = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(answered, 'it waits');
  t.equal(state.asked, claimChecksRunning.value);
});
