import t from 'tap';
import { Question, type QuestionLimits } from '../../../../../collector/api/admission/question.ts';
import { Turns } from '../../../../../collector/api/admission/turns.ts';

const LIMITS: QuestionLimits = { rows: 5, bytes: 1_000, ms: 100 };

function asked(limits: Partial<QuestionLimits> = {}) {
  let now = 0;
  const refused: string[] = [];
  const metrics = { refused: (reason: string) => refused.push(reason), connections: () => {}, answers: () => {} };
  const turns = new Turns();
  let waits = 0;
  const next = turns.next.bind(turns);
  turns.next = (owner) => {
    waits++;
    return next(owner);
  };
  const question = new Question({ turns, merchant: 'a', limits: { ...LIMITS, ...limits }, clock: () => now, metrics });
  return {
    question,
    refused,
    waits: () => waits,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

t.test('a question lets others have their turn when its slice is over, not before', async (t) => {
  const { question, waits, pass } = asked();
  for (let at = 0; at < 50; at++) await question.turn();
  pass(4);
  await question.turn();
  t.equal(waits(), 0);
  pass(1);
  await question.turn();
  await question.turn();
  t.equal(waits(), 1);
});

t.test('a task runs to its end, in slices', async (t) => {
  const { question, waits, pass } = asked();
  function* task() {
    for (let at = 0; at < 30; at++) {
      pass(1);
      yield;
    }
    return 'done';
  }
  t.equal(await question.run(task()), 'done');
  t.ok(waits() >= 1);
});

t.test('beyond its budget a question is refused in words that say how to ask for less', async (t) => {
  const words = { status: 400, message: /ask for a shorter range, or with fewer dimensions/ };
  const rows = asked();
  for (let at = 0; at < 5; at++) rows.question.read(1, 0);
  t.throws(() => rows.question.read(1, 0), { ...words, message: /more than 5 rows .*ask for a shorter range/ });
  const bytes = asked();
  bytes.question.read(1, 900);
  t.throws(() => bytes.question.read(0, 101), { ...words, message: /more than 1000 bytes/ });
  const time = asked();
  const slices = async () => {
    for (let at = 0; at < 11; at++) {
      time.pass(10);
      await time.question.turn();
    }
  };
  await t.rejects(slices(), { ...words, message: /longer than 0.1 seconds/ });
  t.strictSame([rows.refused, bytes.refused, time.refused], [['question'], ['question'], ['question']]);
});

t.test('a question that nobody waits for ends, also while it waits for its turn', async (t) => {
  const { question, pass } = asked();
  question.abandon();
  await t.rejects(async () => question.turn(), { message: /client has left/ });
  const waiting = asked();
  pass(10);
  waiting.pass(10);
  const turn = waiting.question.turn();
  waiting.question.abandon();
  await t.rejects(async () => turn, { message: /client has left/ });
});
