import t from 'tap';
import { ControlBudget } from '../../../../../collector/broker/transport/control-budget.ts';

const [PUBLISH, PUBACK, SUBSCRIBE, PINGREQ] = [3, 4, 8, 12];
const budgetOf = (burst: number) =>
  new ControlBudget({ control: { burst, perSecond: 0 }, minPublishBytes: 50 }, () => 0);

t.test('what carries no batch costs a token, a long one several', async (t) => {
  const budget = budgetOf(10);
  t.ok(budget.admits(PINGREQ, 2));
  t.ok(budget.admits(SUBSCRIBE, 4 * 256), 'five');
  t.ok(budget.admits(PUBLISH, 49), 'one too small for a batch');
  t.ok(budget.admits(SUBSCRIBE, 600), 'three');
  t.notOk(budget.admits(PINGREQ, 2));
});

t.test('batches are free, and so is each answer to a publish of ours, once', async (t) => {
  const budget = budgetOf(0);
  t.ok(budget.admits(PUBLISH, 50));
  t.notOk(budget.admits(PUBACK, 4));
  budget.published();
  budget.published();
  t.same(
    [1, 2, 3].map(() => budget.admits(PUBACK, 4)),
    [true, true, false],
  );
});

t.test('answers cannot be saved up for a flood', async (t) => {
  const budget = budgetOf(0);
  for (let i = 0; i < 100_000; i++) budget.published();
  let free = 0;
  while (budget.admits(PUBACK, 4)) free++;
  t.ok(free < 2_000, `${free} are free`);
});
