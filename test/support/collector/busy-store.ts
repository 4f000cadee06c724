/**
 * A collector as a process on SQLite, tills that sell to it, and somebody who asks for its health
 * all the time: what they see while the store makes everybody wait.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Test } from 'tap';
import { MerchantApi } from '../../../scripts/clients/merchant-api.ts';
import { ROOT } from '../../../scripts/processes/child.ts';
import { CollectorProcess, type CollectorSettings } from '../../../scripts/processes/collector.ts';
import { freePorts } from '../../../scripts/processes/ports.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { Ack } from '../../../shared/wire/messages.ts';
import { killedAtEnd } from '../system/killed-at-end.ts';
import { NEVER } from '../system/region.ts';
import { rollUp } from '../system/roll-up.ts';
import { testDir } from '../system/test-dir.ts';
import { batchOf, HOUR } from './batches.ts';
import { MqttTill } from './mqtt-till.ts';

const START_MS = 60_000;
const TILLS = 3;
/** Batches that a till has under way, and how often it sells. */
const PACE = { window: 4, everyMs: 50 };
/**
 * Of a till that sells on while the store is silent: the broker takes 16 batches without an answer,
 * and in this pace not all of them come in the second before that is known.
 */
const STEADY_PACE = { window: 16, everyMs: 200 };
const ASK_EVERY_MS = 100;
/** Of an answer that waits for nothing. */
const AT_ONCE_MS = 1_000;

/** What a till does: a batch of one sale after the other, each until it is stored. */
export class SellingTill {
  readonly #till: MqttTill;
  readonly #pace: typeof PACE;
  readonly #sold = new Set<number>();
  readonly #refused = new Map<number, number>();
  #seen = 0;
  #next = 1;
  #selling = true;
  readonly stored = new Set<number>();
  readonly busy: Ack[] = [];
  readonly running: Promise<void>;

  constructor(till: MqttTill, pace: typeof PACE) {
    this.#till = till;
    this.#pace = pace;
    this.running = this.#run();
    // `close` tells it.
    this.running.catch(() => undefined);
  }

  get sold(): number {
    return this.#next - 1;
  }

  /** Resolves when all that was sold is stored. */
  async close(): Promise<void> {
    this.#selling = false;
    await this.running;
    await this.#till[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    while (this.#selling || this.#sold.size > 0) {
      if (this.#till.closed) throw new Error('the collector ended the session');
      const { acks } = this.#till;
      for (const ack of acks.slice(this.#seen)) this.#take(ack);
      this.#seen = acks.length;
      const now = performance.now();
      for (const [seq, at] of this.#refused) if (at <= now) this.#send(seq);
      if (this.#selling && this.#sold.size < this.#pace.window) {
        this.#sold.add(this.#next);
        this.#send(this.#next++);
      }
      await wait(this.#pace.everyMs);
    }
  }

  #send(seq: number): void {
    this.#refused.delete(seq);
    this.#till.send(batchOf(seq, seq).bytes);
  }

  #take(ack: Ack): void {
    if (ack.result === 'stored') {
      this.#sold.delete(ack.first);
      this.stored.add(ack.first);
    } else if (ack.result === 'busy') {
      this.busy.push(ack);
      this.#refused.set(ack.first, performance.now() + (ack.retryAfterMs ?? 0));
    } else throw new Error(`a sale was answered ${ack.result}: ${ack.reason}`);
  }
}

/** Asks for one page all the time. */
export class Asker {
  readonly answers: { readonly status: number; readonly text: string; readonly ms: number }[] = [];
  /** By how much the test itself was late at most, as the machine had more to do. */
  lateMs = 0;
  #asking = true;
  readonly #running: Promise<void>;

  constructor(url: string) {
    this.#running = this.#run(url);
  }

  get slowestMs(): number {
    return Math.max(...this.answers.map(({ ms }) => ms));
  }

  async stop(): Promise<void> {
    this.#asking = false;
    await this.#running;
  }

  async #run(url: string): Promise<void> {
    while (this.#asking) {
      const start = performance.now();
      const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
      const text = await answer.text();
      this.answers.push({ status: answer.status, text: text.trim(), ms: performance.now() - start });
      const asleep = performance.now();
      await wait(ASK_EVERY_MS);
      this.lateMs = Math.max(this.lateMs, performance.now() - asleep - ASK_EVERY_MS);
    }
  }
}

export interface SellingRegion {
  readonly collector: CollectorProcess;
  /** The store's file. */
  readonly store: string;
  readonly tills: readonly SellingTill[];
  readonly live: Asker;
  readonly ready: Asker;
  readonly api: MerchantApi;
  /** One more till connects, and sells on while it waits. */
  join(): Promise<void>;
  /** Sales that the API counts. */
  counted(): Promise<number>;
  /** Ends the selling. @returns what was sold, what is stored, and what the API counts */
  settle(): Promise<{ sold: number; stored: number; counted: number }>;
}

/** See `LIVE_FRESH_MS` in collector/app/start.ts; twice as long. */
const FRESH_MS = 500;

export async function sellingRegion(t: Test, more: Partial<CollectorSettings> = {}): Promise<SellingRegion> {
  const folder = testDir(t);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  // Figures come from the raw log then, so that they have the last sale at once.
  const settings = { folder, httpPort, mqttPort, more: { rollup: { cron: NEVER } } };
  const collector = new CollectorProcess({ ...settings, ...more });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, 'acme', await collector.addKey('acme'));
  const tokens: string[] = [];
  for (let i = 0; i <= TILLS; i++) tokens.push(await collector.addTerminal('acme', `till-${i}`));
  await collector.start(START_MS);
  t.teardown(() => collector.child.stop(START_MS));
  const tills: SellingTill[] = [];
  const join = async (pace = STEADY_PACE): Promise<void> => {
    const i = tills.length;
    const names = { merchant: 'acme', terminal: `till-${i}`, epoch: `00000000000000a${i + 1}` };
    tills.push(new SellingTill(await MqttTill.connect({ port: mqttPort, token: tokens[i]!, ...names }), pace));
  };
  while (tills.length < TILLS) await join(PACE);
  const [live, ready] = [new Asker(`${collector.httpUrl}/livez`), new Asker(`${collector.httpUrl}/readyz`)];
  return {
    ...{ collector, store: path.join(folder, 'store.db'), tills, live, ready, api, join },
    counted: () => counted(api),
    async settle() {
      await Promise.all(tills.map((till) => till.close()));
      await Promise.all([live.stop(), ready.stop()]);
      // A runner whose lease ran out meanwhile made a pass when it had it back: what came later is due
      // in the next minute.
      await rollUp(collector.config);
      // An answer of an open hour may be as old as that.
      await wait(FRESH_MS);
      const sum = (of: (till: SellingTill) => number): number => tills.reduce((total, till) => total + of(till), 0);
      return { sold: sum((till) => till.sold), stored: sum(({ stored }) => stored.size), counted: await counted(api) };
    },
  };
}

/** Asserts that health was answered in less than a second, all the time. */
export function atOnce(t: Test, { live, ready }: SellingRegion): void {
  for (const [page, { slowestMs, lateMs }] of Object.entries({ live, ready }))
    t.ok(slowestMs < AT_ONCE_MS + lateMs, `/${page}z took ${slowestMs} ms at most, and the test was ${lateMs} ms late`);
}

async function counted(api: MerchantApi): Promise<number> {
  const [from, to] = [HOUR, HOUR + 1].map((hour) => new Date(hour * HOUR_MS).toISOString());
  const { series } = await api.metrics({ metrics: 'events.count', interval: 'total', from: from!, to: to! });
  return Number(series[0]?.points[0]?.['events.count'] ?? 0);
}

const PROCESS = `
import Database from 'better-sqlite3';
const [path, before, work] = process.argv.slice(1);
const database = new Database(path, { timeout: 60_000 });
if (before !== '') database.exec(before);
process.stdout.write('there\\n');
process.stdin.once('data', async () => {
  if (work.startsWith('backup ')) {
    // In one step: a backup in several begins again after each write of somebody else.
    await database.backup(work.slice(7), { progress: () => 1e9 });
  }
  else database.exec(work);
  process.stdout.write('done\\n');
  process.exit();
});
`;

/** Another process that has the store's file open, has run `before`, and runs `work` when told. */
export class OtherProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param work SQL, or `backup PATH` */
  static async start(t: Test, file: string, { before = '', work }: { before?: string; work: string }) {
    const args = ['--input-type=module', '-e', PROCESS, file, before, work];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
    killedAtEnd(t, child);
    await once(child.stdout!, 'data');
    return new OtherProcess(child);
  }

  async work(): Promise<void> {
    this.#child.stdin!.end('go\n');
    const [code] = await once(this.#child, 'exit');
    if (code !== 0) throw new Error(`the other process ended with ${code}`);
  }
}
