/** What is built of token buckets. */
import t from 'tap';
import { type BrokerLog, LimitedLog } from '../../../../../collector/broker/budget/limited-log.ts';
import { TerminalBudgets } from '../../../../../collector/broker/budget/terminal-budgets.ts';

t.test('what a terminal caused is remembered until its budget is full again, and no longer', async (t) => {
  let now = 0;
  const rate = { burst: 2, perSecond: 1 };
  const budgets = new TerminalBudgets({ connects: rate, statuses: rate }, () => now);
  t.same(
    [1, 2, 3].map(() => budgets.take('acme/till-1', 'connects')),
    [true, true, false],
  );
  t.ok(budgets.take('acme/till-1', 'statuses'), 'another budget');
  t.ok(budgets.take('acme/till-2', 'connects'), 'another terminal');
  budgets.prune();
  t.equal(budgets.size, 2);
  now = 1_000;
  budgets.prune();
  t.equal(budgets.size, 1);
  now = 2_000;
  budgets.prune();
  t.equal(budgets.size, 0);
});

t.test('a flood of log lines is told by its count', async (t) => {
  let now = 0;
  const lines: [string, object, string][] = [];
  const to =
    (level: keyof BrokerLog) =>
    (fields: object, message: string): void => {
      lines.push([level, fields, message]);
    };
  const log = new LimitedLog(
    { error: to('error'), info: to('info'), debug: to('debug') },
    { burst: 2, perSecond: 1 },
    () => now,
  );
  for (let i = 0; i < 100; i++) log.info({ i }, 'till refused');
  log.error({}, 'another message');
  t.same(lines.splice(0), [
    ['info', { i: 0 }, 'till refused'],
    ['info', { i: 1 }, 'till refused'],
    ['error', {}, 'another message'],
  ]);
  log.flush();
  t.same(lines, [], 'no budget yet');
  now = 1_000;
  log.flush();
  t.same(lines.splice(0), [['info', { suppressed: 98 }, 'till refused']]);
  now = 60_000;
  log.flush();
  t.same(lines, [], 'told once');
});
