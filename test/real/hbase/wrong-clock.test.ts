/** Whole collectors on HBase whose machine's clock is wrong: what they acknowledge can be read again. */
import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EventLog } from '../../../collector/store/event-log.ts';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { merchantId } from '../../../shared/ids.ts';
import { DAY_MS, hourOf } from '../../../shared/time.ts';
import { batchOf } from '../../support/collector/batches.ts';
import { MqttTill } from '../../support/collector/mqtt-till.ts';
import { sharedHBase } from '../../support/real/hbase.ts';
import { testDir } from '../../support/system/test-dir.ts';

const PRELOAD = new URL('../../support/system/machine-clock.ts', import.meta.url).href;
const DEADLINE_MS = 60_000;
const YEAR_MS = 365 * DAY_MS;

const hbase = await sharedHBase(t);
if (hbase !== null) {
  const { host, port } = hbase;
  const store = {
    kind: 'hbase' as const,
    host,
    port,
    connections: 4,
    namespace: `test_${randomBytes(4).toString('hex')}`,
  };
  const hour = hourOf(Date.now());

  /** A collector process whose clock is off by what `set` said last. */
  async function region(t: Test, errorMs: number) {
    const folder = testDir(t);
    const file = join(folder, 'clock.json');
    // In one step: the collector reads it all the time.
    const set = (errorMs: number): void => {
      writeFileSync(`${file}.new`, JSON.stringify({ errorMs }));
      renameSync(`${file}.new`, file);
    };
    set(errorMs);
    const runtime = { flags: ['--import', `${PRELOAD}?file=${file}`], environment: {} };
    const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
    const collector = new CollectorProcess({ folder, httpPort, mqttPort, store, runtime });
    await collector.init();
    const merchant = `m${randomBytes(6).toString('hex')}`;
    const token = await collector.addTerminal(merchant, 'till-1');
    t.teardown(() => (collector.started ? collector.child.stop(10_000) : undefined));
    void collector.start(DEADLINE_MS).catch(() => undefined);
    const tables = openHBaseTables(store);
    t.teardown(() => tables.close());
    const readiness = async () => {
      const response = await fetch(`${collector.httpUrl}/readyz`).catch(() => null);
      return response === null ? null : { status: response.status, text: await response.text() };
    };
    let sent = 0;
    let till: MqttTill | null = null;
    t.teardown(() => till?.[Symbol.asyncDispose]());
    return {
      set,
      connect: async () => {
        till = await MqttTill.connect({ port: mqttPort, merchant, terminal: 'till-1', token });
        return till;
      },
      ready: () => until(async () => (await readiness())?.status === 200, { what: 'ready', deadlineMs: DEADLINE_MS }),
      /** Until it is not ready for a reason other than that it starts. */
      unready: () =>
        until(
          async () => {
            const said = await readiness();
            return said?.status === 503 && said.text.includes('clock') ? said.text : null;
          },
          { what: 'a complaint about the clock', deadlineMs: DEADLINE_MS },
        ),
      /** One batch; what it was answered, and the time that was told. */
      async send() {
        const answered = till!.acks.length;
        sent++;
        till!.send(batchOf(sent, sent, { hour }).bytes);
        await till!.until(() => till!.acks.length > answered);
        return { ack: till!.acks.at(-1)!, serverTime: till!.envelopes.at(-1)!.serverTime };
      },
      async stored(): Promise<number[]> {
        const rows = await Array.fromAsync(new EventLog(tables).scan(merchantId(merchant), hour, hour + 1));
        return rows.map(({ key }) => key.firstSeq).sort((a, b) => a - b);
      },
      metric: async (name: string) => {
        const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
        return Number(new RegExp(`^tillstream_${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
      },
    };
  }

  const WRONG = {
    '450 days behind': [-450 * DAY_MS, /450 days behind/],
    '390 days behind': [-390 * DAY_MS, /390 days behind/],
    'a year ahead': [YEAR_MS, /365 days ahead/],
    'a minute behind': [-60_000, /60 seconds behind/],
  } as const;
  for (const [name, [errorMs, words]] of Object.entries(WRONG)) {
    await t.test(`wrong at the start, ${name}: no till is taken until the clock is set`, async (t) => {
      const { unready, connect, set, ready, send, stored, metric } = await region(t, errorMs);
      t.match(await unready(), words);
      t.ok(Math.abs((await metric('store_clock_ahead_seconds')) * 1_000 - errorMs) < 2_000);
      await t.rejects(connect(), { code: 3 });
      set(0);
      await ready();
      await connect();
      t.match(await send(), { ack: { result: 'stored' } });
      t.same(await stored(), [1]);
    });

    await t.test(`set while it runs, ${name}: what is acknowledged can be read, the rest is busy`, async (t) => {
      const { unready, connect, set, ready, send, stored } = await region(t, 0);
      await ready();
      await connect();
      t.match(await send(), { ack: { result: 'stored' } });
      set(errorMs);
      const refused = await send();
      t.match(refused.ack, { result: 'busy', reason: words, retryAfterMs: Number });
      t.equal(refused.serverTime, 0, 'tills are told no time');
      t.match(await unready(), words);
      t.match(await send(), { ack: { result: 'busy' } });
      set(0);
      await ready();
      const taken = await send();
      t.equal(taken.ack.result, 'stored');
      t.ok(Math.abs(taken.serverTime - Date.now()) < 5_000);
      t.same(await stored(), [1, 4]);
    });
  }
}
