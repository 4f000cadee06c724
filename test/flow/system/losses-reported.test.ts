/**
 * What an agent gives up, a merchant is told: of a real agent's events that were answered, each is either stored by a real collector or
 * listed as lost by its API, and none is both.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import type { TillEvent } from '../../../shared/event/event.ts';
import { type AgentProcess, runAgent, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { parsed } from '../../support/agent/events.ts';
import { type Batch, ScriptedCollector } from '../../support/agent/scripted-collector.ts';
import { scratchBuffer } from '../../support/agent/temp-buffer.ts';
import {
  type Events,
  identitiesOf,
  type ListedLoss,
  listedLosses,
  post,
  storedEvents,
} from '../../support/system/event-outcomes.ts';
import { NEVER } from '../../support/system/region.ts';
import { testDir } from '../../support/system/test-dir.ts';

const READY_MS = 60_000;
const STOP_MS = 10_000;
const DEADLINE_MS = 60_000;
const MIB = 1024 * 1024;
const PAGE_BYTES = 4096;
const DAYS = { from: '2026-11-22', to: '2026-11-24' };
const FIRST_TS = Date.UTC(2026, 10, 22, 9);

t.setTimeout(240_000);

const sale = (at: number, ts: number, more: Record<string, unknown> = {}) => ({
  ...{ type: 'sale', ts, amount: 100 + at, currency: 'EUR', ref: `R-${at}` },
  ...more,
});
const sales = (first: number, count: number, ts: number, more: Record<string, unknown> = {}) =>
  Array.from({ length: count }, (_, at) => sale(first + at, ts, more));

interface Shop {
  readonly collector: CollectorProcess;
  readonly api: MerchantApi;
  readonly brokerPort: number;
  /** Of the agent. */
  readonly config: string;
  readonly bufferPath: string;
}

/** A collector that is not started yet, and the configuration of an agent that ships to it. */
async function shop(t: Test, buffer: Record<string, unknown> = {}): Promise<Shop> {
  const folder = testDir(t);
  const [httpPort, brokerPort] = await freePorts(2);
  const collector = new CollectorProcess({
    folder: join(folder, 'collector'),
    httpPort: httpPort!,
    mqttPort: brokerPort!,
    // An hour that is rolled up shows what comes later within minutes; one that is not, at once.
    more: { rollup: { cron: NEVER, graceSeconds: 1 } },
  });
  await collector.init();
  const token = await collector.addTerminal('acme', 'till-1');
  const bufferPath = join(folder, 'buffer.db');
  const config = writeConfig(folder, {
    collector: { urls: [collector.mqttUrl], token },
    buffer: { path: bufferPath, ...buffer },
    ship: { reconnectMaxMs: 1_000, lingerMs: 1 },
  });
  t.teardown(() => collector.started && collector.child.stop(STOP_MS));
  const api = new MerchantApi(collector.httpUrl, 'acme', await collector.addKey('acme'));
  return { collector, api, brokerPort: brokerPort!, config, bufferPath };
}

interface Holding {
  readonly pending: number;
  readonly quarantined: number;
  readonly salvage: string | null;
  readonly losses: { readonly events: number; readonly unsent: number };
}

async function statusOf({ url }: AgentProcess) {
  const { body } = await request(`${url}/v1/status`);
  return (await body.json()) as { readonly buffer: Holding; readonly counters: { readonly invalid: number } };
}

const holdingOf = async (agent: AgentProcess): Promise<Holding> => (await statusOf(agent)).buffer;

/** Until the collector has all that the agent holds, and each record of the ledger. */
const shipped = (agent: AgentProcess) =>
  until(
    async () => {
      const { pending, losses, salvage } = await holdingOf(agent);
      return pending === 0 && losses.unsent === 0 && salvage === null;
    },
    { what: 'all to be shipped', deadlineMs: DEADLINE_MS },
  );

/** As the agent's own command tells it. */
async function ledger({ config }: Shop): Promise<ListedLoss[]> {
  return (JSON.parse((await runAgent('losses', '--config', config, '--json')).stdout) as { losses: ListedLoss[] })
    .losses;
}

const records = (losses: readonly ListedLoss[]): string[] =>
  losses.map(({ stream, firstSeq, lastSeq, reason }) => `${stream}/${firstSeq}-${lastSeq} ${reason}`).sort();

/** Checks that each accepted event is stored or lost, and none is both. @returns the refs of the lost ones */
async function settleAccounts(t: Test, { api }: Shop, accepted: Events): Promise<string[]> {
  const stored = await storedEvents(api, DAYS);
  const lost = identitiesOf(await listedLosses(api));
  t.equal(new Set(lost).size, lost.length, 'each lost seq is listed once');
  t.same(
    lost.filter((identity) => stored.has(identity)),
    [],
    'nothing is stored and lost',
  );
  t.same([...stored.keys(), ...lost].sort(), [...accepted.keys()].sort(), 'accepted = stored and lost');
  t.same(
    [...stored].filter(([identity, ref]) => accepted.get(identity) !== ref),
    [],
    'what is stored under an identity is what the till was told',
  );
  const { series } = await api.metrics({ ...DAYS, metrics: 'events.count', interval: 'total' });
  t.equal(series[0]!.points[0]!['events.count'], stored.size, 'the figures count what is stored');
  return lost.map((identity) => accepted.get(identity)!);
}

/** Fills the page of the database with zeros on which an event lies. @returns the refs of all events there */
function zeroPageOf(path: string, ref: string): string[] {
  // A ref lies before the store, which is null: 0xc0 in MessagePack.
  const bytes = readFileSync(path);
  const at = bytes.indexOf(`${ref}\xc0`, 0, 'latin1');
  if (at < 0) throw new Error(`${ref} lies nowhere`);
  const start = Math.floor(at / PAGE_BYTES) * PAGE_BYTES;
  const page = bytes.toString('latin1', start, start + PAGE_BYTES);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, start);
  closeSync(file);
  return [...page.matchAll(/(R-\d+)\xc0/g)].map((match) => match[1]!);
}

t.test('what a full buffer dropped while the collector was away is listed as evicted, to the event', async (t) => {
  const line = await shop(t, { maxBytes: 16 * MIB, whenFull: 'drop-oldest' });
  const agent = await startAgentProcess(t, line.config);
  const accepted: Events = new Map();
  const large = { attrs: { note: 'x'.repeat(3_000) } };
  // The hours go on, so that the ledger has several records.
  for (let ts = FIRST_TS; (await holdingOf(agent)).losses.events < 1_000; ts += 20 * 60_000) {
    if (accepted.size > 20_000) throw new Error('three times what the buffer holds, and nothing is given up');
    await post(agent.url, sales(accepted.size, 200, ts, large), accepted);
  }
  const evicted = await ledger(line);
  const count = (await holdingOf(agent)).losses.events;
  t.ok(evicted.length > 1, `${count} events in ${evicted.length} records`);

  await line.collector.start(READY_MS);
  await shipped(agent);
  t.same(records(await listedLosses(line.api)), records(evicted), 'the API lists the records of the ledger');
  t.ok(
    evicted.every(({ reason }) => reason === 'evicted'),
    'as evicted',
  );
  const refs = await settleAccounts(t, line, accepted);
  t.same(new Set(refs), new Set(Array.from({ length: count }, (_, at) => `R-${at}`)), 'the oldest are those that went');
});

t.test('what a damaged page hid is listed as unreadable, and all else is stored', async (t) => {
  const line = await shop(t);
  const accepted: Events = new Map();
  const before = await startAgentProcess(t, line.config);
  for (let hour = 0; hour < 6; hour++)
    await post(before.url, sales(accepted.size, 250, FIRST_TS + hour * 3_600_000), accepted);
  // A clean end leaves no log, from which the page would come back.
  before.child.kill('SIGTERM');
  t.equal(await before.ended, 0);
  const hidden = zeroPageOf(line.bufferPath, 'R-700');
  t.ok(hidden.length > 10 && hidden.length < 100, `${hidden.length} events lay on the page`);

  await line.collector.start(READY_MS);
  const agent = await startAgentProcess(t, line.config);
  await post(agent.url, [sale(9_999, FIRST_TS)], accepted);
  await shipped(agent);
  const refs = await settleAccounts(t, line, accepted);
  t.same(refs.sort(), hidden.sort(), 'what lay on the page is lost, and nothing else');
  const listed = await listedLosses(line.api);
  t.ok(
    listed.every(({ reason }) => reason === 'unreadable'),
    'as unreadable',
  );
  t.same(records(listed), records(await ledger(line)), 'as the ledger has it');
});

t.test('an event that the collector refuses for good is listed as quarantined, alone and once', async (t) => {
  const line = await shop(t);
  // No till gets such a type past the agent of today.
  const odd: TillEvent = { ...parsed(sale(5, FIRST_TS)), type: 'SALE' };
  const events = sales(0, 10, FIRST_TS).map((event, at) => (at === 5 ? odd : parsed(event)));
  const scratch = scratchBuffer(testDir(t));
  const buffer = scratch.open();
  const answer = await buffer.accept(events);
  buffer.close();
  if (answer.kind !== 'accepted') throw new Error(answer.kind);
  const accepted: Events = new Map(events.map(({ ref }, at) => [`${answer.stream}/${at + 1}`, ref!]));

  await line.collector.start(READY_MS);
  const agent = await startAgentProcess(t, line.config);
  const quarantined = async (times: number) => {
    await until(async () => (await statusOf(agent)).counters.invalid >= times, {
      what: `${times} refusals`,
      deadlineMs: DEADLINE_MS,
    });
    await shipped(agent);
    t.match(await holdingOf(agent), { quarantined: 1, losses: { unsent: 0 } });
    t.match(await listedLosses(line.api), [{ stream: answer.stream, firstSeq: 6, lastSeq: 6, reason: 'quarantined' }]);
    t.same(await settleAccounts(t, line, accepted), ['R-5']);
  };
  // Refused with others, and by halves.
  await quarantined(2);
  const { invalid } = (await statusOf(agent)).counters;
  t.match(await runAgent('requeue', '--all', '--config', line.config, '--json'), { stdout: /"requeued":1,/ });
  await quarantined(invalid + 1);
});

t.test('a loss whose event is stored after all is listed no more: what is requeued leaves the list', async (t) => {
  const line = await shop(t);
  // A collector of old stands where the new one will: it does not know two of the events, and takes the record of that.
  const old = await ScriptedCollector.start({ port: line.brokerPort });
  const isUnknown = ({ ref }: TillEvent): boolean => ref === 'R-1' || ref === 'R-3';
  old.script = ({ events }: Batch) =>
    events.some(isUnknown)
      ? { result: 'invalid', reason: 'an event of a kind that is not known' }
      : { result: 'stored' };
  const agent = await startAgentProcess(t, line.config);
  const accepted: Events = new Map();
  await post(agent.url, sales(0, 6, FIRST_TS), accepted);
  await until(async () => (await holdingOf(agent)).quarantined === 2, {
    what: 'the quarantine',
    deadlineMs: DEADLINE_MS,
  });
  await shipped(agent);
  await old.stop();

  // Its store is another one: the agent offers again what the old one has had, and the records too.
  await line.collector.start(READY_MS);
  const lost = async (...refs: string[]) => {
    await until(async () => identitiesOf(await listedLosses(line.api)).length === refs.length, {
      what: `${refs.length} losses`,
      deadlineMs: DEADLINE_MS,
    });
    await shipped(agent);
    t.same((await settleAccounts(t, line, accepted)).sort(), refs);
    t.ok(
      (await listedLosses(line.api)).every(({ reason }) => reason === 'quarantined'),
      'as quarantined',
    );
  };
  await lost('R-1', 'R-3');
  t.match(await runAgent('requeue', '--stream', agent.stream, '--seq', '2', '--config', line.config), { status: 0 });
  // The agent notices by itself after some seconds, and with its next commit.
  await post(agent.url, [sale(6, FIRST_TS)], accepted);
  await lost('R-3');
  t.match(await runAgent('requeue', '--all', '--config', line.config), { status: 0 });
  await lost();
  t.equal((await ledger(line)).length, 2, 'the till’s own ledger keeps the records');
});
