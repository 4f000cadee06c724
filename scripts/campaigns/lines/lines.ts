/**
 * Campaign of bad lines: narrow, slow, lossy, cut while idle, half open, behind a login page.
 *
 * The judge is independent of the product: it counts the bytes that pass the line, and reads the
 * merchant's API. Each answered sale is there once; at most 1.3 times the bytes pass that pass on a
 * good line; a till drains within 1.5 times the time that the line needs for them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MerchantApi } from '../../clients/merchant-api.ts';
import { CollectorProcess } from '../../processes/collector.ts';
import { freePorts } from '../../processes/ports.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';
import { judge, lineMs, type Result, table } from './judge.ts';
import { HeldTill, MERCHANT, type Place, type Scenario } from './scenario.ts';
import { KIND_NAMES, randomScenarios } from './scenarios.ts';

const READY_MS = 60_000;
const PERFECT = { bytesPerSecond: 1e9, rttMs: 0, queueBytes: 1e6, loss: 0, idleCutMs: null } as const;
/** Tills that start at once: they share the machine with what is measured. */
const STARTING = 3;

export interface LinesReport {
  readonly lines: number;
  readonly sales: number;
  readonly bytesUp: number;
  /** What the same sales take on a good line. */
  readonly bytesNeeded: number;
  /** Worst of all lines: bytes by bytes needed; time by the line's own. */
  readonly worstBytes: number;
  readonly worstTime: number;
}

export interface LinesOptions {
  readonly scenarios: readonly Scenario[];
  readonly seed: number;
  readonly deadlineMs: number;
}

type Progress = (done: number, total: number, message: string) => void;

export async function lines(
  folder: string,
  { scenarios, seed, deadlineMs }: LinesOptions,
  progress: Progress,
): Promise<{ figures: LinesReport; results: Result[]; faults: string[] }> {
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const collector = new CollectorProcess({ folder: path.join(folder, 'collector'), httpPort, mqttPort });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, MERCHANT, await collector.addKey(MERCHANT));
  try {
    await collector.start(READY_MS);
    const { results, faults } = await drainAll(scenarios, { folder, collector, seed, deadlineMs }, progress);
    const stored = await storedRefs(api);
    for (const result of results) faults.push(...judge(result, stored));
    return { figures: report(results), results, faults };
  } finally {
    if (collector.started) await collector.child.stop(READY_MS);
  }
}

/** The lines come up together, once every till holds its sales. */
async function drainAll(
  scenarios: readonly Scenario[],
  place: Place,
  progress: Progress,
): Promise<{ results: Result[]; faults: string[] }> {
  const faults: string[] = [];
  const held: { till: HeldTill; bytesNeeded: number }[] = [];
  let steps = 0;
  const step = (name: string): void => progress(++steps, 2 * scenarios.length, name);
  const waiting = scenarios.values();
  const hold = async (): Promise<void> => {
    for (const scenario of waiting) {
      try {
        const bytesNeeded = await bytesOnPerfectLine(scenario, place);
        held.push({ till: await HeldTill.open(scenario, place), bytesNeeded });
      } catch (error) {
        faults.push(`${scenario.name}: ${(error as Error).message}`);
      }
      step(`${scenario.name} is ready`);
    }
  };
  await Promise.all(Array.from({ length: STARTING }, hold));
  const results: Result[] = [];
  await Promise.all(
    held.map(async ({ till, bytesNeeded }) => {
      const { scenario } = till;
      try {
        results.push({ scenario, outcome: await till.drain(), bytesNeeded });
      } catch (error) {
        faults.push(`${scenario.name}: ${(error as Error).message}`);
      } finally {
        await till.close();
      }
      step(`${scenario.name} has drained`);
    }),
  );
  results.sort((a, b) => scenarios.indexOf(a.scenario) - scenarios.indexOf(b.scenario));
  return { results, faults };
}

async function bytesOnPerfectLine(scenario: Scenario, place: Place): Promise<number> {
  const undisturbed = { silentAfterMs: null, silentIdle: false, portalMs: 0, laterEveryMs: [] };
  const name = `${scenario.name}-perfect`;
  const till = await HeldTill.open({ ...scenario, ...undisturbed, name, shape: PERFECT }, place);
  try {
    return (await till.drain()).bytesUp;
  } finally {
    await till.close();
  }
}

function report(results: readonly Result[]): LinesReport {
  const worst = (of: (result: Result) => number): number => Math.round(Math.max(0, ...results.map(of)) * 100) / 100;
  const sum = (of: (result: Result) => number): number => results.reduce((sum, result) => sum + of(result), 0);
  return {
    lines: results.length,
    sales: sum(({ outcome }) => outcome.refs.length),
    bytesUp: sum(({ outcome }) => outcome.bytesUp),
    bytesNeeded: sum(({ bytesNeeded }) => bytesNeeded),
    worstBytes: worst(({ outcome, bytesNeeded }) => outcome.bytesUp / bytesNeeded),
    worstTime: worst((result) => result.outcome.drainedMs / lineMs(result)),
  };
}

/** ref -> how often it is stored, of all lines. */
async function storedRefs(api: MerchantApi): Promise<Map<string, number>> {
  const stored = new Map<string, number>();
  const day = 86_400_000;
  const range = { from: new Date(Date.now() - day).toISOString(), to: new Date(Date.now() + day).toISOString() };
  interface Page {
    readonly events: readonly { readonly ref: string; readonly stream: string }[];
    readonly next: string | null;
  }
  for (let cursor: string | null = null; ; ) {
    const page: Page = await api.get('events', { ...range, limit: '1000', ...(cursor === null ? {} : { cursor }) });
    for (const { ref, stream } of page.events)
      if (!stream.includes('-perfect.')) stored.set(ref, (stored.get(ref) ?? 0) + 1);
    if (page.next === null) return stored;
    cursor = page.next;
  }
}

/** @throws RangeError */
function kindsOf(only: unknown): readonly string[] {
  if (typeof only !== 'string') return KIND_NAMES;
  const kinds = only.split(',');
  const unknown = kinds.find((kind) => !KIND_NAMES.includes(kind));
  if (unknown !== undefined) throw new RangeError(`--only: ${unknown} is none of ${KIND_NAMES.join(', ')}`);
  return kinds;
}

export const campaign: Campaign = {
  summary: 'bad lines between till and collector: every sale stored once, each byte sent about once',
  examples: ['', '--lines 72 --seconds 120', '--only idle,large-slow --lines 8'],
  options: {
    lines: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    seed: { type: 'string' },
  },
  help: [
    '--lines N       how many, of all kinds in turn (27)',
    '--seconds N     that each takes for its sales at its own speed, about (60)',
    `--only KIND,…   of ${KIND_NAMES.join(', ')}`,
    '--seed N        of what is drawn by chance (1)',
  ],
  list: () => KIND_NAMES,
  async run(given, progress) {
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-lines-'));
    const seed = wholeNumber(given, 'seed', 1);
    const seconds = wholeNumber(given, 'seconds', 60);
    const scenarios = randomScenarios(wholeNumber(given, 'lines', 27), seconds, seed, kindsOf(given.only));
    try {
      const deadlineMs = (4 * seconds + 300) * 1_000;
      const { figures, results, faults } = await lines(folder, { scenarios, seed, deadlineMs }, progress);
      const text = [table(results), ...faults.map((fault) => `FAULT: ${fault}`)].join('\n');
      return { figures: { ...figures, results }, faults, text };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
