/**
 * Kill campaign: kill -9 of agents at random moments under load, while their tills retry until
 * answered.
 *
 * The judge is independent of the product: it knows each till's answers (HTTP) and reads the
 * merchant's API (HTTP). Every answered sale must be there once, under the identity that was
 * answered, and nothing that no till sold. An agent that starts numbers its sales under an epoch
 * that no start before it used.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { MerchantApi } from '../../clients/merchant-api.ts';
import { AgentProcess } from '../../processes/agent.ts';
import type { Child } from '../../processes/child.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';
import { until } from '../../processes/wait-until.ts';
import { seeded } from '../../simulate/random.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';

const MERCHANT = 'kills';
const READY_MS = 60_000;
const DRAIN_MS = 120_000;
/** Longest time from an agent's start to its kill: some die while opening, some under full load. */
const LONGEST_LIFE_MS = 700;
/** Sales in one request. */
const SIZES = [1, 1, 1, 1, 5, 60];
const POST_MS = 5_000;
const REPEAT_MS = 25;

interface Answer {
  readonly stream: string;
  readonly firstSeq: number | null;
  readonly duplicates: readonly { readonly index: number; readonly stream: string; readonly seq: number }[];
}

export interface KillsReport {
  readonly kills: number;
  readonly sold: number;
  readonly repeats: number;
  readonly duplicates: number;
  readonly stored: number;
  /** Starts of agents after which a till was answered. */
  readonly starts: number;
}

/** A till whose cashier does not wait long for answers. */
class Cashier {
  readonly #agent: AgentProcess;
  readonly #name: string;
  readonly #random: () => number;
  /** ref -> `stream/seq` as answered. */
  readonly answered = new Map<string, string>();
  /** Each start of the agent -> the streams under which it stored new sales. */
  readonly streams = new Map<Child, Set<string>>();
  repeats = 0;
  duplicates = 0;
  #next = 0;

  constructor(agent: AgentProcess, random: () => number) {
    this.#agent = agent;
    this.#name = agent.terminal;
    this.#random = random;
  }

  async sellUntil(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const size = SIZES[Math.floor(this.#random() * SIZES.length)]!;
      const refs = Array.from({ length: size }, () => `${this.#name}-${this.#next++}`);
      const body = JSON.stringify(
        refs.map((ref) => ({
          type: 'sale',
          amount: 100,
          currency: 'EUR',
          ref,
          items: [{ sku: 'A', qty: 1, price: 100 }],
        })),
      );
      for (;;) {
        const asked = this.#running;
        const answer = await this.#post(body);
        if (answer !== null) {
          this.#note(refs, answer);
          // Where it was started again meanwhile, either may have answered.
          if (asked !== null && asked === this.#running) this.#noteStream(asked, answer);
          break;
        }
        this.repeats++;
        await wait(REPEAT_MS);
      }
    }
  }

  get #running(): Child | null {
    return this.#agent.started ? this.#agent.child : null;
  }

  async #post(body: string): Promise<Answer | null> {
    try {
      const signal = AbortSignal.timeout(POST_MS);
      const response = await fetch(`${this.#agent.url}/v1/events`, { method: 'POST', body, signal });
      const text = await response.text();
      if (response.status === 200 || response.status === 201) return JSON.parse(text) as Answer;
      if (response.status < 500) throw new RangeError(`refused: ${response.status} ${text}`);
      return null;
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return null;
    }
  }

  #note(refs: readonly string[], { stream, firstSeq, duplicates }: Answer): void {
    const known = new Map(duplicates.map((duplicate) => [duplicate.index, `${duplicate.stream}/${duplicate.seq}`]));
    this.duplicates += known.size;
    let seq = firstSeq ?? 0;
    refs.forEach((ref, index) => {
      this.answered.set(ref, known.get(index) ?? `${stream}/${seq++}`);
    });
  }

  #noteStream(start: Child, { stream, firstSeq }: Answer): void {
    if (firstSeq === null) return;
    const streams = this.streams.get(start) ?? new Set();
    this.streams.set(start, streams.add(stream));
  }
}

/** All raw events of the merchant: ref -> identities. */
async function storedEvents(api: MerchantApi): Promise<Map<string, string[]>> {
  const stored = new Map<string, string[]>();
  const range = {
    from: new Date(Date.now() - 86_400_000).toISOString(),
    to: new Date(Date.now() + 86_400_000).toISOString(),
  };
  interface Page {
    readonly events: readonly { readonly ref: string; readonly stream: string; readonly seq: number }[];
    readonly next: string | null;
  }
  for (let cursor: string | null = null; ; ) {
    const page: Page = await api.get('events', { ...range, limit: '1000', ...(cursor === null ? {} : { cursor }) });
    for (const { ref, stream, seq } of page.events) stored.set(ref, [...(stored.get(ref) ?? []), `${stream}/${seq}`]);
    if (page.next === null) return stored;
    cursor = page.next;
  }
}

export async function kills(
  folder: string,
  { kills, agents: count, seed }: { readonly kills: number; readonly agents: number; readonly seed: number },
  progress: (done: number, total: number, message: string) => void,
): Promise<{ figures: KillsReport; faults: string[] }> {
  const random = seeded(seed);
  const [httpPort, mqttPort, ...ports] = (await freePorts(2 + count)) as [number, number, ...number[]];
  const collector = new CollectorProcess({ folder: path.join(folder, 'collector'), httpPort, mqttPort });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, MERCHANT, await collector.addKey(MERCHANT));
  const agents: AgentProcess[] = [];
  const ended = new AbortController();
  try {
    await collector.start(READY_MS);
    for (const [index, port] of ports.entries()) {
      const terminal = `till-${index}`;
      const token = await collector.addTerminal(MERCHANT, terminal);
      const ship = { reconnectMaxMs: 1_000 };
      agents.push(
        new AgentProcess({
          folder: path.join(folder, terminal),
          merchant: MERCHANT,
          terminal,
          token,
          collector: collector.mqttUrl,
          port,
          ship,
        }),
      );
    }
    const cashiers = agents.map((agent) => new Cashier(agent, random));
    const selling = Promise.all(cashiers.map((cashier) => cashier.sellUntil(ended.signal)));
    let killed = 0;
    await Promise.all(
      agents.map(async (agent, index) => {
        const share = Math.floor(kills / count) + (index < kills % count ? 1 : 0);
        for (let kill = 0; kill < share; kill++) {
          agent.launch();
          // Some agents are killed before their first answer.
          if (random() < 0.8) await agent.ready(READY_MS);
          await wait(random() * LONGEST_LIFE_MS);
          if (!agent.child.running) throw new Error(`agent ${agent.terminal} ended by itself: ${agent.child.log}`);
          await agent.child.kill();
          progress(++killed, kills, `${killed} kills`);
        }
        await agent.start(READY_MS);
      }),
    );
    ended.abort();
    await selling;
    await Promise.all(agents.map((agent) => drained(agent)));
    return judge(cashiers, await storedEvents(api), kills);
  } finally {
    ended.abort();
    await Promise.all(agents.filter(({ started }) => started).map(({ child }) => child.stop(READY_MS)));
    if (collector.started) await collector.child.stop(READY_MS);
  }
}

async function drained({ url, terminal }: AgentProcess): Promise<void> {
  interface Status {
    readonly buffer: { readonly pending: number };
  }
  const empty = async () => ((await (await fetch(`${url}/v1/status`)).json()) as Status).buffer.pending === 0;
  await until(empty, { what: `${terminal} to drain`, deadlineMs: DRAIN_MS, everyMs: 100 });
}

const SHOWN = 10;

function judge(
  cashiers: readonly Cashier[],
  stored: ReadonlyMap<string, readonly string[]>,
  kills: number,
): { figures: KillsReport; faults: string[] } {
  const faults: string[] = [];
  const answered = new Map(cashiers.flatMap((cashier) => [...cashier.answered]));
  for (const [ref, identity] of answered) {
    const found = stored.get(ref) ?? [];
    if (found.length !== 1)
      faults.push(`${ref} was answered as ${identity} and is stored ${found.length} times: ${found}`);
    else if (found[0] !== identity) faults.push(`${ref} was answered as ${identity} and is stored as ${found[0]}`);
  }
  for (const ref of stored.keys()) if (!answered.has(ref)) faults.push(`${ref} is stored, and no till was answered`);
  if (answered.size === 0) faults.push('nothing was sold');
  const starts = cashiers.flatMap((cashier) => [...cashier.streams.values()]);
  faults.push(...epochFaults(starts));
  const sum = (of: (cashier: Cashier) => number): number => cashiers.reduce((total, cashier) => total + of(cashier), 0);
  const figures = {
    kills,
    sold: answered.size,
    repeats: sum(({ repeats }) => repeats),
    duplicates: sum(({ duplicates }) => duplicates),
    stored: stored.size,
    starts: starts.length,
  };
  return { figures, faults: faults.slice(0, SHOWN) };
}

/** @param starts of all agents: the streams under which each stored new sales */
function epochFaults(starts: readonly ReadonlySet<string>[]): string[] {
  const faults = starts
    .filter(({ size }) => size > 1)
    .map((streams) => `one start stored under several streams: ${[...streams].join(', ')}`);
  const used = starts.flatMap((streams) => [...streams]);
  const again = used.filter((stream, at) => used.indexOf(stream) < at);
  return [...faults, ...again.map((stream) => `${stream} was used by more than one start`)];
}

export const campaign: Campaign = {
  summary: 'kill -9 of agents at random moments under load; every answered sale must be stored once',
  examples: ['', '--kills 20 --agents 2 --seed 7'],
  options: { kills: { type: 'string' }, agents: { type: 'string' }, seed: { type: 'string' } },
  async run(given, progress) {
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-kills-'));
    const outcome = await kills(
      folder,
      {
        kills: wholeNumber(given, 'kills', 200),
        agents: wholeNumber(given, 'agents', 2),
        seed: wholeNumber(given, 'seed', 1),
      },
      progress,
    );
    if (outcome.faults.length === 0) rmSync(folder, { recursive: true });
    return {
      figures: { ...outcome.figures, ...(outcome.faults.length > 0 ? { folder } : {}) },
      faults: outcome.faults,
    };
  },
};
