/** Tills whose clocks are wrong: what they sold is in the right hour of the merchant's figures, flagged, none lost, nothing stops. */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { AgentProcess } from '../../../scripts/processes/agent.ts';
import { CollectorProcess } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { until } from '../../../scripts/processes/wait-until.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import { NEVER } from '../../support/system/region.ts';

const YEARS_MS = 3_652 * DAY_MS;
const READY_MS = 120_000;

t.setTimeout(300_000);

const SALE = { type: 'sale', amount: 100, currency: 'EUR' };

/** A till: what its clock shows is its test's to say. */
class Till {
  readonly agent: AgentProcess;
  readonly name: string;
  readonly #file: string;
  /** When each ref was sold. */
  readonly sold = new Map<string, number>();
  readonly wrong = new Set<string>();
  lastTs = '';
  #errorMs = 0;

  constructor(folder: string, name: string, settings: { token: string; collector: string; port: number }) {
    this.name = name;
    this.#file = path.join(folder, `${name}.json`);
    const preload = new URL(`../../support/system/machine-clock.ts?file=${this.#file}`, import.meta.url).href;
    this.agent = new AgentProcess({
      ...{ folder: path.join(folder, name), merchant: 'acme', terminal: name, ...settings, preloads: [preload] },
      ship: { reconnectMaxMs: 1_000 },
    });
  }

  /** @param boot of the processes that start from here on */
  clock(errorMs: number, boot?: string): void {
    this.#errorMs = errorMs;
    // In one step: the agent reads it all the time.
    writeFileSync(`${this.#file}.new`, JSON.stringify({ errorMs, boot }));
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** A sale without a time, and one with the time of the till's machine. */
  async sell(): Promise<void> {
    await this.#post({});
    const ts = new Date(Date.now() + this.#errorMs).toISOString();
    await this.#post({ ts });
    this.lastTs = ts;
  }

  /** The last sale once more. */
  async repeat(): Promise<number> {
    const body = JSON.stringify({ ...SALE, ref: [...this.sold.keys()].at(-1), ts: this.lastTs });
    return (await fetch(`${this.agent.url}/v1/events`, { method: 'POST', body })).status;
  }

  async #post(more: Record<string, unknown>): Promise<void> {
    const ref = `${this.name}-${this.sold.size}`;
    const at = Date.now();
    const body = JSON.stringify({ ...SALE, ref, ...more });
    const answer = await fetch(`${this.agent.url}/v1/events`, { method: 'POST', body });
    if (answer.status !== 201) throw new Error(`${this.name}: ${answer.status} ${await answer.text()}`);
    this.sold.set(ref, at);
    if (this.#errorMs !== 0) this.wrong.add(ref);
  }

  async status(): Promise<{ buffer: { pending: number }; collector: { clockOffsetMs: number | null } }> {
    return (await fetch(`${this.agent.url}/v1/status`)).json() as never;
  }
}

t.test('wrong clocks, of tills that send times of their own too', async (t) => {
  const [httpPort, mqttPort, ...ports] = (await freePorts(8)) as [number, number, ...number[]];
  const folder = t.testdir();
  // What is not rolled up shows at once.
  const more = { rollup: { cron: NEVER } };
  const collector = new CollectorProcess({ folder: path.join(folder, 'collector'), httpPort, mqttPort, more });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, 'acme', await collector.addKey('acme'));
  const tills: Till[] = [];
  t.teardown(async () => {
    await Promise.all(tills.filter(({ agent }) => agent.started).map(({ agent }) => agent.child.stop(READY_MS)));
    if (collector.started) await collector.child.stop(READY_MS);
  });
  const till = async (name: string): Promise<Till> => {
    const token = await collector.addTerminal('acme', name);
    const made = new Till(folder, name, { token, collector: collector.mqttUrl, port: ports[tills.length]! });
    tills.push(made);
    return made;
  };

  // Nobody is there to ask for the time.
  const starting = await till('ahead-at-start');
  starting.clock(YEARS_MS);
  const noBattery = await till('no-battery');
  noBattery.clock(-Date.now());
  const jumping = await till('jumping');
  jumping.clock(0);
  const restarted = await till('restarted');
  restarted.clock(-YEARS_MS);
  const rebooted = await till('rebooted');
  rebooted.clock(YEARS_MS, '11111111-1111-4111-8111-111111111111');
  await Promise.all(tills.map(({ agent }) => agent.start(READY_MS)));
  for (const each of tills) await each.sell();
  for (const each of tills) t.equal(await each.repeat(), 200, `${each.name}: a repeat is known`);

  for (const errorMs of [YEARS_MS, -YEARS_MS, 0]) {
    jumping.clock(errorMs);
    await jumping.sell();
  }
  await restarted.agent.child.kill();
  await restarted.agent.start(READY_MS);
  await restarted.sell();
  await rebooted.agent.child.kill();
  rebooted.clock(YEARS_MS, '22222222-2222-4222-8222-222222222222');
  await rebooted.agent.start(READY_MS);
  await rebooted.sell();

  await collector.start(READY_MS);
  const drained = async () => {
    for (const each of tills) {
      const what = `${each.name} to drain`;
      await until(async () => (await each.status()).buffer.pending === 0, { what, deadlineMs: READY_MS });
    }
  };
  await drained();
  // Now they know the time, and their clocks jump again.
  for (const each of tills) await each.sell();
  for (const each of tills) t.equal(await each.repeat(), 200, `${each.name}: a repeat is known`);
  jumping.clock(YEARS_MS);
  await jumping.sell();
  jumping.clock(-YEARS_MS);
  await jumping.sell();
  jumping.clock(0);
  t.equal(await jumping.repeat(), 200, 'also once the clock is set right');
  jumping.clock(-YEARS_MS);
  await drained();

  const range = {
    from: new Date(Date.now() - DAY_MS).toISOString(),
    to: new Date(Date.now() + HOUR_MS).toISOString(),
  };
  const found = await api.get<{ events: { ref: string; terminal: string; ts: string; clockSuspect?: true }[] }>(
    'events',
    {
      ...range,
      limit: '1000',
    },
  );
  const byRef = new Map(found.events.map((event) => [event.ref, event]));
  for (const { name, sold, wrong } of tills) {
    t.test(name, async (t) => {
      for (const [ref, at] of sold) {
        const event = byRef.get(ref);
        t.ok(event, `${ref} is there`);
        const off = Math.abs(Date.parse(event!.ts) - at);
        t.ok(off < 5_000, `${ref} is ${off} ms off`);
        t.equal(event!.clockSuspect === true, wrong.has(ref), `${ref} is flagged if the clock was wrong`);
      }
    });
  }
  const count = tills.reduce((sum, { sold }) => sum + sold.size, 0);
  t.equal(found.events.length, count, 'none is lost, or there twice');
  const { series } = await api.metrics({ ...range, metrics: 'sales.count', interval: 'total' });
  t.match(series, [{ points: [{ 'sales.count': count }] }]);
  const { collector: seen } = await jumping.status();
  t.ok(Math.abs(seen.clockOffsetMs! - YEARS_MS) < 5_000, 'the status says how wrong the clock is');
});
