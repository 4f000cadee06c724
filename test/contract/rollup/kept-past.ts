/**
 * What a till sends later changes nothing of what it sent before: a whole collector on any store,
 * `await keptPastContract(t, storeConfig)`. The merchant is a fresh one.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { storesOn } from '../../../collector/app/context.ts';
import { audit } from '../../../collector/cli/audit/audit.ts';
import { parseConfig } from '../../../collector/config/collector-config.ts';
import { openTables, startCollector } from '../../../collector/main.ts';
import type { Row, Tables } from '../../../collector/store/tables.ts';
import { epoch, terminalId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf, MINUTE_MS } from '../../../shared/time.ts';
import type { WireBatch } from '../../../shared/wire/batch.ts';
import { type ForgedSale, forgedSale } from '../../support/collector/forged-batch.ts';
import { EPOCH, MqttTill } from '../../support/collector/mqtt-till.ts';
import { freshMerchant } from '../../support/region/fresh.ts';
import { HookedTables } from '../../support/region/hooked-tables.ts';

/** By the real clock, since the store lets rows expire by it; an hour that is long rolled up. */
const HOUR = hourOf(Date.now()) - 60;

/** A store whose own clock goes on as well, as far as it is asked for. */
const clockAhead = (tables: Tables, ahead: () => number): Tables =>
  new HookedTables(tables, async (call, make) => {
    const made = await make();
    if (call.operation !== 'get' || call.table !== 'control') return made;
    return (made as (Row | null)[]).map((row) => row && { ...row, time: row.time + ahead() }) as typeof made;
  });

/** The collector with a till and what a merchant sees; its clock goes on by `later`. */
async function region(t: Test, store: object) {
  const free = { host: '127.0.0.1', port: 0 };
  const rollup = { cron: '* * * * * *', graceSeconds: 0 };
  const parsed = parseConfig({ store, mqtt: free, http: free, rollup });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const { config } = parsed;
  const [merchant, terminal, secret] = [freshMerchant(), terminalId('till-1'), randomBytes(16).toString('hex')];
  const hash = createHash('sha256').update(secret).digest('hex');
  let ahead = 0;
  const now = (): number => Date.now() + ahead;
  const collector = await startCollector(config, {
    now,
    clock: () => performance.now() + ahead,
    openTables: async (store) => clockAhead(await openTables(store), () => ahead),
  });
  t.teardown(() => collector.stop());
  await collector.ready;
  const tables = await openTables(config.store);
  t.teardown(() => tables.close());
  const { terminals, control } = storesOn(tables);
  const tokens = [{ hash, expiresAt: null }];
  await terminals.register({ merchant, terminal, store: null, state: 'active', tokens, createdAt: 0 }, null);
  await control.addApiKey({ merchant, hash, createdAt: 0, revokedAt: null });
  const get = async (path: string): Promise<string> =>
    (
      await fetch(`http://127.0.0.1:${collector.httpPort}${path}`, { headers: { authorization: `Bearer ${secret}` } })
    ).text();
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^tillstream_${name}\\{[^}]*\\} (\\d+)$`, 'm').exec(await get('/metrics'))?.[1]);
  const till = await MqttTill.connect({ port: collector.mqttPort!, merchant, terminal, token: secret });
  t.teardown(() => till[Symbol.asyncDispose]());
  return {
    /** @returns how the batch was answered */
    async send({ bytes }: WireBatch): Promise<string> {
      // Arrivals differ.
      ahead += 1_000;
      const answered = till.acks.length;
      till.send(bytes);
      await till.until(() => till.acks.length > answered);
      return till.acks.at(-1)!.result;
    },
    /** Two minutes later, after a whole pass. */
    async rolledUp(): Promise<void> {
      ahead += 2 * MINUTE_MS;
      const passes = await metric('rollup_pass_seconds_count');
      while ((await metric('rollup_pass_seconds_count')) < passes + 2) await sleep(50);
    },
    async figures(): Promise<unknown> {
      const [from, to] = [HOUR, HOUR + 1].map((hour) => new Date(hour * HOUR_MS).toISOString());
      const query = `metrics=sales.count,sales.amount&interval=total&from=${from}&to=${to}`;
      const { series } = JSON.parse(await get(`/v1/merchants/${merchant}/metrics?${query}`));
      const [{ points }] = series;
      return [points[0]['sales.count'], points[0]['sales.amount']];
    },
    conflicts: () => metric('rollup_conflicts_total'),
    async audited(): Promise<readonly unknown[]> {
      const { json, found } = await audit.run({ config, given: { conflicts: true, merchant }, openTables, now });
      const { conflicts } = json as { conflicts: unknown[] };
      t.equal(found, conflicts.length > 0);
      return conflicts;
    },
  };
}

export async function keptPastContract(t: Test, store: object): Promise<void> {
  const { send, rolledUp, figures, conflicts, audited } = await region(t, store);
  const sale = (amount: number, more: Partial<ForgedSale> = {}) =>
    forgedSale({ epoch: epoch(EPOCH), firstSeq: 1, hour: HOUR, amount, ...more });
  const first = sale(50_000);
  const second = sale(100, { checksum: first.header.bodyCrc });

  await t.test('a sale of 500.00 is stored and rolled up', async (t) => {
    t.equal(await send(first), 'stored');
    await rolledUp();
    t.same(await figures(), [1, 50_000]);
    t.equal(await conflicts(), 0);
    t.same(await audited(), []);
  });

  await t.test('one of 1.00 with the same seq and checksum changes no figure, and is a conflict', async (t) => {
    t.equal(second.header.bodyCrc, first.header.bodyCrc);
    t.equal(await send(second), 'stored');
    t.same(await figures(), [1, 50_000], 'at once');
    await rolledUp();
    t.same(await figures(), [1, 50_000]);
    t.equal(await conflicts(), 1);
    t.match(await audited(), [{ terminal: 'till-1', firstSeq: 1, lastSeq: 1 }]);
  });

  await t.test('nor do the first one again, the second one again, and twenty others', async (t) => {
    const [before] = await audited();
    t.equal(await send(first), 'stored');
    await rolledUp();
    t.same(await figures(), [1, 50_000]);
    t.equal(await send(second), 'stored');
    await rolledUp();
    t.same(await figures(), [1, 50_000]);
    t.same(await audited(), [before], 'no arrival has moved');
    for (let amount = 1; amount <= 20; amount++) t.equal(await send(sale(amount)), 'stored');
    await rolledUp();
    t.same(await figures(), [1, 50_000]);
    t.equal(await conflicts(), 1, 'it is the same seq');
  });
}
