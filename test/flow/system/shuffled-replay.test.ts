/**
 * Real transactions of two merchants: one's come in order, the other's in an order of chance, with
 * batches that come twice or overlap, and batches that come weeks later, while another logic
 * version is built. The figures of both are those of the file, which the oracle works out without
 * the product's code. Two weeks; `-- --data FILE` takes nine months.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { readTrade } from '../../../scripts/datasets/online-retail/read-transactions.ts';
import { ROOT } from '../../../scripts/processes/child.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { seeded } from '../../../scripts/simulate/random.ts';
import { MqttTill } from '../../support/collector/mqtt-till.ts';
import { byDay, byHour, byStore, type Compared, mismatches, topTen } from '../../support/oracle/compare.ts';
import { dataFile, givenDataFile } from '../../support/oracle/data-file.ts';
import { type Invoice, readInvoices } from '../../support/oracle/invoices.ts';
import { ZONES } from '../../support/oracle/zones.ts';
import { orderedBatches, shuffledBatches } from '../../support/region/shuffled-batches.ts';
import { NEVER, Region } from '../../support/system/region.ts';
import { rollUp } from '../../support/system/roll-up.ts';

t.setTimeout(1_200_000);

const PLAYED =
  givenDataFile() === null ? { from: '2011-03-20', to: '2011-04-04' } : { from: '2010-12-01', to: '2011-09-01' };
/** A question's hours are bounded. */
const ASKED_DAYS = 20;
const SHARES = { twice: 0.1, late: 0.05 };
const MERCHANTS = ['ordered', 'shuffled'] as const;
const IN_FLIGHT = 32;
const SEED = 20110327;

const run = promisify(execFile);

/** Runs a command of the collector. @returns its JSON document */
async function command(config: string, ...args: string[]): Promise<Record<string, unknown>> {
  const main = path.join(ROOT, 'collector/main.ts');
  const { stdout } = await run(process.execPath, [main, ...args, '--config', config, '--json']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function send(till: MqttTill, batches: readonly Uint8Array[]): Promise<Record<string, number>> {
  const before = till.acks.length;
  for (const [sent, batch] of batches.entries()) {
    await till.until(() => till.acks.length - before > sent - IN_FLIGHT);
    till.send(batch);
  }
  await till.until(() => till.acks.length - before === batches.length);
  return Object.fromEntries(
    [...Map.groupBy(till.acks.slice(before), ({ result }) => result)].map(([result, of]) => [result, of.length]),
  );
}

/** Ranges of local days, each a question. */
function* questions(): Generator<{ from: string; to: string }> {
  const end = Temporal.PlainDate.from(PLAYED.to).add({ days: 1 });
  for (let from = Temporal.PlainDate.from(PLAYED.from).subtract({ days: 1 }); from.until(end).days > 0; ) {
    const next = from.add({ days: ASKED_DAYS });
    const to = Temporal.PlainDate.compare(next, end) < 0 ? next : end;
    yield { from: String(from), to: String(to) };
    from = to;
  }
}

async function equalsTheFile(t: Test, api: MerchantApi, invoices: readonly Invoice[]): Promise<void> {
  const same = (compared: Compared, what: string) => t.strictSame(mismatches(compared), [], what);
  for (const asked of questions()) {
    const range = `${asked.from} to ${asked.to}`;
    same(await byHour(api, invoices, asked), `hours of ${range}`);
    for (const zone of ZONES) same(await byDay(api, invoices, asked, zone), `days of ${range} in ${zone}`);
  }
  same(await byStore(api, invoices, PLAYED, 'Europe/London'), 'stores');
  same(await topTen(api, invoices, PLAYED, 'amount'), 'articles');
}

/** Everything that can be asked of the whole range. */
async function answers(api: MerchantApi): Promise<unknown> {
  const metrics = 'net.amount,ticket.p50,ticket.p95,customers.unique,items.quantity,sales.count';
  const daily = await api.metrics({ ...PLAYED, metrics, interval: 'day', tz: 'Europe/London', by: 'store' });
  const top = await api.get<{ series: unknown }>('top', { ...PLAYED, of: 'sku', by: 'quantity', limit: '100' });
  return [daily.series, top.series];
}

t.test('in order and shuffled, built while they came and built anew: the same figures', async (t) => {
  const trade = await Array.fromAsync(readTrade(dataFile(), PLAYED));
  const invoices = readInvoices(dataFile(), PLAYED.from, PLAYED.to);
  await using region = await Region.start({ folder: t.testdir(), merchant: 'other', terminals: [], cron: NEVER });
  const { collector } = region;
  const { config } = collector;
  const [ordered, shuffled] = await Promise.all(
    MERCHANTS.map(async (merchant) => {
      const token = await collector.addTerminal(merchant, 'till-1');
      const port = Number(new URL(collector.mqttUrl).port);
      const connect = async (): Promise<MqttTill> => {
        const till = await MqttTill.connect({ port, merchant, terminal: 'till-1', token });
        t.teardown(() => till[Symbol.asyncDispose]());
        return till;
      };
      return { connect, api: new MerchantApi(collector.httpUrl, merchant, await collector.addKey(merchant)) };
    }),
  );
  const { first, late } = shuffledBatches(trade, SHARES, seeded(SEED));
  t.ok(late.length > 10 && first.length > 100, `${first.length} batches, and ${late.length} later`);
  await t.test('what comes first', async (t) => {
    t.same(Object.keys(await send(await ordered!.connect(), orderedBatches(trade))), ['stored']);
    t.same(Object.keys(await send(await shuffled!.connect(), first)), ['stored']);
    await rollUp(config);
    await equalsTheFile(t, ordered!.api, invoices);
  });
  await t.test('what comes weeks later, while version 2 is built', async (t) => {
    // The roll-up's clock was ahead: it worked off marks that this collector takes for due yet.
    await region.killCollector();
    const till = await shuffled!.connect();
    await command(config, 'logic', 'add', '--rules', '1', '--dimensions', 'cashier,method');
    const [built] = await Promise.all([command(config, 'reprocess', '--logic', '2'), send(till, late)]);
    t.comment(JSON.stringify(built));
    await rollUp(config);
    await equalsTheFile(t, shuffled!.api, invoices);
    t.strictSame(await answers(shuffled!.api), await answers(ordered!.api), 'both merchants have the same');
  });
  await t.test('version 2, and version 3, which is built when all is there', async (t) => {
    const before = await answers(shuffled!.api);
    await command(config, 'logic', 'add', '--rules', '1', '--dimensions', 'cashier');
    await command(config, 'reprocess', '--logic', '3');
    for (const version of ['2', '3']) {
      // Ends with 1 if any figure differs.
      t.ok(await command(config, 'logic', 'diff', '--logic', version), `version ${version} has the figures of 1`);
      await command(config, 'logic', 'activate', '--logic', version);
      const isActive = async () => (await metaOf(shuffled!.api)).logicVersion === Number(version);
      await until(isActive, { what: `version ${version} to be active`, deadlineMs: 10_000, everyMs: 50 });
      t.strictSame(await answers(shuffled!.api), before, `version ${version} answers the same`);
    }
    await equalsTheFile(t, shuffled!.api, invoices);
    const { restatements } = await shuffled!.api.get<{ restatements: { reason: string }[] }>('restatements', {
      all: 'true',
    });
    t.same(
      restatements.filter(({ reason }) => reason === 'logic'),
      [],
      'no figure changed, none is announced',
    );
  });
});

const metaOf = async (api: MerchantApi): Promise<{ readonly logicVersion: number }> =>
  (await api.metrics({ ...PLAYED, metrics: 'sales.count', interval: 'total' })).meta as unknown as {
    readonly logicVersion: number;
  };
