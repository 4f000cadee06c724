/** What `logic` and `reprocess` do to a real SQLite store. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { storesOn } from '../../../../collector/app/context.ts';
import type { Command, Given } from '../../../../collector/cli/command.ts';
import { diffLogics } from '../../../../collector/cli/logic/diff.ts';
import { reprocessLogs } from '../../../../collector/cli/logic/reprocess.ts';
import {
  activateLogic,
  addLogic,
  dropLogic,
  listLogics,
  rollBackLogic,
} from '../../../../collector/cli/logic/versions.ts';
import { initStore, rollupOnce } from '../../../../collector/cli/store.ts';
import { parseConfig } from '../../../../collector/config/collector-config.ts';
import { openTables } from '../../../../collector/main.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { merchantId, terminalId } from '../../../../shared/ids.ts';
import { HOUR_MS, minuteOf } from '../../../../shared/time.ts';
import { batchOf, HOUR } from '../../../support/collector/batches.ts';
import { DIGEST_KEY } from '../../../support/collector/raw-rows.ts';

const SHOPS = ['acme', 'globex'].map(merchantId);
const TILL = terminalId('till-1');

/** Two merchants with three sales each in an hour that is over and rolled up. */
async function standing(t: Test) {
  const parsed = parseConfig({
    store: { kind: 'sqlite', path: join(t.testdir(), 'store.db') },
    dimensions: ['method'],
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const { config } = parsed;
  const now = (HOUR + 2) * HOUR_MS;
  const call = (command: Command, given: Given = {}, of = config) =>
    command.run({ config: of, given, openTables, now: () => now });
  // biome-ignore lint/suspicious/noExplicitAny: documents of several forms, looked into by the tests
  const run = async (command: Command, given: Given = {}, of = config): Promise<any> =>
    (await call(command, given, of)).json;
  await run(initStore);
  const tables = await openTables(config.store);
  t.teardown(() => tables.close());
  const { marks } = storesOn(tables);
  const { bytes, header } = batchOf(1, 3);
  await new EventLog(tables, DIGEST_KEY).append(
    SHOPS.map((merchant) => ({ merchant, terminal: TILL, header, bytes, arrival: Date.now() })),
  );
  const due = { minute: minuteOf(now) - 1, level: 'hour', time: HOUR, terminals: [TILL] } as const;
  await marks.add(SHOPS.map((merchant) => ({ ...due, merchant })));
  t.match(await run(rollupOnce), { hours: 2, failures: 0 });
  return { run, call, config };
}

t.test('a version is added, built, compared, tried, switched to and back, and dropped', async (t) => {
  const { run, call, config } = await standing(t);
  const added = { version: 2, rules: 1, dimensions: ['method', 'cashier'], state: 'building' };
  t.same(await run(addLogic, { dimensions: 'method, cashier' }), added);
  const plan = await run(reprocessLogs, { plan: true });
  t.match(plan, { logic: 2, hours: 2, rows: 2, events: 6, seconds: Number, merchants: [{ hours: 1 }, { hours: 1 }] });
  t.match(await run(listLogics), {
    versions: [
      { version: 1, active: true, state: 'live' },
      { ...added, active: false, isKnown: true },
    ],
    activations: [],
  });
  await t.rejects(run(activateLogic, { logic: '2' }), {
    name: 'CommandFailed',
    message: '2 hours of 2 merchants have no figures by version 2 yet (globex, acme): run "reprocess --logic 2"',
  });
  t.match(await run(reprocessLogs, { logic: '2', merchant: ['acme'] }), { merchants: 1, recomputed: 1 });
  t.match(await run(activateLogic, { logic: '2', merchant: ['acme'] }), { merchants: ['acme'], active: 1 });
  t.match(await run(listLogics), {
    versions: [{ active: true }, { active: false, merchants: ['acme'], state: 'live' }],
  });
  await t.rejects(run(activateLogic, { logic: '2' }), { message: /1 hours of 1 merchants .*\(globex\)/ });
  t.match(await run(reprocessLogs, {}), {
    merchants: 1,
    skipped: 1,
    recomputed: 1,
    rows: 1,
    events: 3,
    resumed: false,
  });
  const { json, found } = await call(diffLogics, { logic: '2' });
  t.match(json, { logic: 2, against: 1, compared: 2, hours: 2, differ: 0, merchants: [] });
  t.equal(found, false, 'dimensions change no sum');
  t.match(await run(activateLogic, { logic: '2' }), { merchants: null, active: 2 });
  await t.rejects(run(reprocessLogs, { logic: '2' }), { message: /version 2 is active/ });
  await t.rejects(run(dropLogic, { logic: '2' }), { message: /version 2 is active/ });
  t.match(await run(rollBackLogic), { active: 1, merchants: { acme: 2 } });
  t.match(await run(rollBackLogic), { active: 1, merchants: {} });
  await t.rejects(run(rollBackLogic), { message: 'there is no activation to roll back' });
  await run(activateLogic, { logic: '2' });
  await t.rejects(run(dropLogic, { logic: '1' }), { message: /configuration has the dimensions of version 1 alone/ });
  const next = { ...config, dimensions: ['method', 'cashier'] };
  t.match(await run(dropLogic, { logic: '1' }, next), { logic: 1, rows: 2 });
  await t.rejects(run(rollBackLogic, {}, next), { message: /version 1 was dropped/ });
  await t.rejects(run(activateLogic, { logic: '1' }, next), { message: /version 1 was dropped/ });
  t.match(await run(addLogic, { dimensions: 'method' }, next), { version: 3 }, 'a number is used once');
});

t.test('shards are the whole together', async (t) => {
  const { run } = await standing(t);
  await run(addLogic, { dimensions: 'cashier' });
  const reports = [];
  for (const shard of ['1/3', '2/3', '3/3']) reports.push(await run(reprocessLogs, { shard }));
  t.equal(
    reports.reduce((sum, { recomputed }) => sum + recomputed, 0),
    2,
  );
  t.match(await run(activateLogic, { logic: '2' }), { active: 2 });
});

t.test('a configuration may have the dimensions of any version', async (t) => {
  const { run, config } = await standing(t);
  await run(addLogic, { dimensions: 'cashier' });
  const context = { config: { ...config, dimensions: ['cashier'] }, given: {}, openTables, now: Date.now };
  await t.resolves(initStore.run(context));
  const zone = { ...context, config: { ...config, dimensions: ['zone'] } };
  await t.rejects(initStore.run(zone), { name: 'ConfigError', message: /"logic add", then "reprocess"/ });
});

t.test('what is wrong is told', async (t) => {
  const { run } = await standing(t);
  const cases: [Command, Given, RegExp][] = [
    [addLogic, {}, /version 1 has these rules and dimensions/],
    [addLogic, { rules: '99' }, /this release has the rules 1/],
    [addLogic, { dimensions: 'Method' }, /"Method" is no key of dims/],
    [activateLogic, {}, /--logic is missing/],
    [activateLogic, { logic: 'two' }, /"two" is no whole number/],
    [activateLogic, { logic: '2' }, /there is no logic version 2/],
    [dropLogic, { logic: '2' }, /there is no logic version 2/],
    [reprocessLogs, { logic: '2' }, /there is no version 2/],
    [reprocessLogs, {}, /version 1 is active/],
    [reprocessLogs, { shard: '0/2', plan: true }, /--shard: must be I\/N/],
    [reprocessLogs, { shard: '3/2', plan: true }, /--shard: must be I\/N/],
    [reprocessLogs, { shard: '1/2', merchant: 'acme', plan: true }, /--merchant or --shard/],
    [reprocessLogs, { merchant: ['ACME'], plan: true }, /^--merchant: /],
    [diffLogics, {}, /compared with itself/],
  ];
  for (const [command, given, message] of cases)
    await t.rejects(run(command, given), { message }, `${command.name} ${JSON.stringify(given)}`);
});
