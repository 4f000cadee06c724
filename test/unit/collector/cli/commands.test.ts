/**
 * What the commands do to a real SQLite store. How they are called and what the process prints:
 * `test/flow/collector/command-line.test.ts`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { storesOn } from '../../../../collector/app/context.ts';
import { audit } from '../../../../collector/cli/audit/audit.ts';
import type { Command, Given } from '../../../../collector/cli/command.ts';
import { addKey, listKeys, revokeKey } from '../../../../collector/cli/keys.ts';
import { checkConfig, initStore, rollupOnce } from '../../../../collector/cli/store.ts';
import { addTerminal, listTerminals, revokeTerminal, setQuota } from '../../../../collector/cli/terminals.ts';
import { parseConfig } from '../../../../collector/config/collector-config.ts';
import { openTables } from '../../../../collector/main.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { merchantId, terminalId } from '../../../../shared/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../../../shared/time.ts';
import { batchOf, HOUR } from '../../../support/collector/batches.ts';
import { DIGEST_KEY } from '../../../support/collector/raw-rows.ts';

const ACME = merchantId('acme');
const TILL = { merchant: 'acme', terminal: 'till-1' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Commands on a store of the test's own. */
async function standing(t: Test, more: Record<string, unknown> = {}) {
  const parsed = parseConfig({ store: { kind: 'sqlite', path: join(t.testdir(), 'store.db') }, ...more });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const { config } = parsed;
  const clock = { now: (HOUR + 2) * HOUR_MS };
  // biome-ignore lint/suspicious/noExplicitAny: documents of several forms, looked into by the tests
  const run = async (command: Command, given: Given = {}): Promise<any> =>
    (await command.run({ config, given, openTables, now: () => clock.now })).json;
  await run(initStore);
  const tables = await openTables(config.store);
  t.teardown(() => tables.close());
  return { run, clock, config, tables, stores: storesOn(tables) };
}

t.test('init settles generation and dimensions, and again changes nothing', async (t) => {
  const { run } = await standing(t);
  const first = await run(initStore);
  t.match(first, { store: 'sqlite', logic: { version: 1, dimensions: ['cashier', 'category', 'method'] } });
  t.match(first.storeGen, /^[0-9a-f-]{36}$/);
  t.same(await run(initStore), first);
});

t.test('other dimensions than the store’s are refused', async (t) => {
  const { run, config } = await standing(t);
  const context = { config: { ...config, dimensions: ['zone'] }, given: {}, openTables, now: Date.now };
  await t.rejects(initStore.run(context), { name: 'ConfigError', message: /configured are \[zone\]/ });
  await t.rejects(rollupOnce.run(context), { name: 'ConfigError' });
  await t.resolves(run(rollupOnce));
});

t.test('a terminal is registered with the hash of the token that is printed', async (t) => {
  const { run, stores, clock } = await standing(t);
  const added = await run(addTerminal, { ...TILL, store: 'london' });
  t.same(Object.keys(added), ['merchant', 'terminal', 'token']);
  t.match(added, { ...TILL, token: /^tst_[\w-]{43}$/ });
  t.same(await stores.terminals.registration(ACME, terminalId('till-1')), {
    ...TILL,
    store: 'london',
    state: 'active',
    tokens: [{ hash: sha256(added.token), expiresAt: null }],
    createdAt: clock.now,
  });
});

t.test('an existing terminal is refused, unless its token is to be exchanged', async (t) => {
  const { run } = await standing(t);
  const first = await run(addTerminal, TILL);
  await t.rejects(run(addTerminal, TILL), { name: 'CommandFailed', message: /acme\/till-1 exists: give --rotate/ });
  t.not((await run(addTerminal, { ...TILL, rotate: true })).token, first.token);
});

t.test('the previous token stays valid for a day, or as long as requested; older ones expire', async (t) => {
  const { run, stores, clock } = await standing(t);
  const tokens = async () => (await stores.terminals.registration(ACME, terminalId('till-1')))!.tokens;
  const [a, b] = [await run(addTerminal, TILL), await run(addTerminal, { ...TILL, rotate: true })];
  t.same(await tokens(), [
    { hash: sha256(b.token), expiresAt: null },
    { hash: sha256(a.token), expiresAt: clock.now + 24 * HOUR_MS },
  ]);
  const c = await run(addTerminal, { ...TILL, rotate: true, 'grace-hours': '0.5' });
  t.same(await tokens(), [
    { hash: sha256(c.token), expiresAt: null },
    { hash: sha256(b.token), expiresAt: clock.now + 30 * MINUTE_MS },
  ]);
  const d = await run(addTerminal, { ...TILL, rotate: true, 'grace-hours': '0' });
  t.same(await tokens(), [{ hash: sha256(d.token), expiresAt: null }]);
});

t.test('a revoked terminal comes back with a new token only; the old ones stay ended', async (t) => {
  const { run } = await standing(t);
  await run(addTerminal, TILL);
  await run(revokeTerminal, TILL);
  t.match(await run(listTerminals, TILL), { terminals: [{ terminal: 'till-1', state: 'revoked', tokens: 0 }] });
  await run(addTerminal, { ...TILL, rotate: true });
  t.match(await run(listTerminals, TILL), { terminals: [{ state: 'active', tokens: 1, lastSeen: null }] });
  await t.rejects(run(revokeTerminal, { ...TILL, terminal: 'till-9' }), { message: /is not registered/ });
});

t.test('the list shows when a terminal was last heard of', async (t) => {
  const { run, stores } = await standing(t);
  await run(addTerminal, TILL);
  const presence = {
    lastSeq: 0,
    pending: [],
    clearThrough: 0,
    losses: 0,
    bufferBytes: 0,
    clockOffsetMs: null,
    version: '',
  };
  const names = { merchant: ACME, terminal: terminalId('till-1') };
  await stores.terminals.putStatuses(
    ['00000000000000aa', '00000000000000bb'].map((epoch, i) => ({
      ...names,
      epoch: epoch as never,
      lastSeen: i * 1_000,
      ...presence,
    })),
  );
  t.match(await run(listTerminals, TILL), { merchant: 'acme', terminals: [{ lastSeen: '1970-01-01T00:00:01.000Z' }] });
});

t.test('a key is stored by its hash, listed by an id, and revoked by either', async (t) => {
  const { run, stores } = await standing(t);
  const added = await run(addKey, { merchant: 'acme' });
  t.same(Object.keys(added), ['merchant', 'key']);
  t.match(added.key, /^tsk_[\w-]{43}$/);
  t.match(await stores.control.apiKey(sha256(added.key)), { merchant: 'acme', revokedAt: null });
  const second = await run(addKey, { merchant: 'acme' });
  await run(addKey, { merchant: 'other' });
  t.equal((await run(listKeys)).keys.length, 3);
  await run(revokeKey, { id: sha256(added.key).slice(0, 12) });
  await run(revokeKey, { key: second.key });
  const { keys } = await run(listKeys, { merchant: 'acme' });
  t.equal(keys.length, 2);
  for (const key of keys) t.type(key.revokedAt, 'string');
  await t.rejects(run(revokeKey, { key: 'nobody' }), { name: 'CommandFailed', message: /no such API key/ });
});

t.test('what is due is rolled up once', async (t) => {
  const { run, stores, tables } = await standing(t);
  const [merchant, terminal] = [ACME, terminalId('till-1')];
  await new EventLog(tables, DIGEST_KEY).append([{ merchant, terminal, ...batchOf(1, 3), arrival: 0 }]);
  await stores.marks.add([{ minute: HOUR * 60 + 60, merchant, level: 'hour', time: HOUR, terminals: [terminal] }]);
  t.match(await run(rollupOnce), { hours: 1, marks: 1, failures: 0 });
  t.match(await run(rollupOnce), { hours: 0, marks: 0 });
});

t.test('the configuration is shown with its defaults', async (t) => {
  const { run, config } = await standing(t);
  t.same(await run(checkConfig), { valid: true, warnings: [], config });
});

t.test('what is missing or malformed is named', async (t) => {
  const { run } = await standing(t);
  const cases: [Command, Given, RegExp][] = [
    [addTerminal, { merchant: 'acme' }, /^--terminal is missing/],
    [addTerminal, { terminal: 'till-1' }, /^--merchant is missing/],
    [addTerminal, { ...TILL, merchant: 'A B' }, /^--merchant: not a merchant id/],
    [addTerminal, { ...TILL, store: '/' }, /^--store: not a store id/],
    [addTerminal, { ...TILL, 'grace-hours': '1' }, /goes with --rotate/],
    [addTerminal, { ...TILL, rotate: true, 'grace-hours': 'x' }, /give a number of hours/],
    [addTerminal, { ...TILL, rotate: true, 'grace-hours': '-1' }, /give a number of hours/],
    [revokeKey, {}, /--id or --key/],
    [revokeKey, { id: 'ab', key: 'c' }, /--id or --key/],
    [revokeKey, { id: 'xyz' }, /at least 8 hex digits/],
  ];
  for (const [command, given, says] of cases)
    await t.rejects(run(command, given), { name: 'UsageError', message: says }, JSON.stringify(given));
});

t.test('a terminal has quotas of its own, which a new token leaves', async (t) => {
  const { run } = await standing(t);
  await t.rejects(run(setQuota, TILL), { name: 'CommandFailed', message: /not registered/ });
  await run(addTerminal, TILL);
  await t.rejects(run(setQuota, { ...TILL, 'bytes-per-day': '1.5' }), { name: 'UsageError', message: /whole number/ });
  t.match(await run(setQuota, { ...TILL, 'events-per-day': '50' }), { ...TILL, quotas: { eventsPerDay: 50 } });
  await run(addTerminal, { ...TILL, rotate: true });
  t.match(await run(listTerminals, TILL), { terminals: [{ terminal: 'till-1', quotas: { eventsPerDay: 50 } }] });
  await run(setQuota, TILL);
  t.notOk('quotas' in (await run(listTerminals, TILL)).terminals[0], 'as configured again');
});

t.test('audit --parked lists what figures go without, and says so by its exit code', async (t) => {
  const { run, stores, clock, config } = await standing(t);
  const context = { config, given: { parked: true }, openTables, now: () => clock.now, progress() {} };
  t.match(await audit.run(context), { json: { parked: [] }, text: 'nothing is parked', found: false });
  const { bytes, header } = batchOf(1, 3);
  const terminal = terminalId('till-1');
  const torn = { merchant: ACME, terminal, header, bytes: bytes.subarray(0, -1), arrival: clock.now };
  stores.log.opened(DIGEST_KEY);
  await stores.log.append([torn]);
  await stores.marks.add([{ minute: 0, merchant: ACME, level: 'hour', time: HOUR, terminals: [terminal] }]);
  t.match(await run(rollupOnce), { parked: 1, failures: 0 });
  const elsewhere = { parked: true, merchant: 'other' };
  t.match(await audit.run({ ...context, given: elsewhere }), { found: false });
  t.match(await audit.run({ ...context, given: { parked: true, from: '2026-11-23' } }), { found: false });
  const found = await audit.run({ ...context, given: { parked: true, merchant: 'acme', to: '2026-11-23' } });
  t.match(found, {
    found: true,
    text: /^acme hour 2026-11-22T09:00:00.000Z till-1: cannot be read; next try 2026-11-22T12:00:00.000Z\n {2}raw row/,
    json: {
      parked: [{ merchant: 'acme', level: 'hour', t: '2026-11-22T09:00:00.000Z', terminal: 'till-1', attempts: 1 }],
    },
  });
});
