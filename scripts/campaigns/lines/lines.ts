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
import { seeded } from '../../simulate/random.ts';
import { type Campaign, wholeNumber } from '../port/campaign.ts';
import { MERCHANT, type Outcome, run, type Scenario } from './scenario.ts';

const READY_MS = 60_000;
const BYTES_FACTOR = 1.3;
const TIME_FACTOR = 1.5;
/** Beside the line's own time: processes on a loaded machine, a first retry, the last answers. */
const SLACK_MS = 5_000;
/** Bytes of a connection that carries no sale: CONNECT, SUBSCRIBE, statuses. */
const SESSION_BYTES = 800;
/** How long the agent may take to notice that a line is dead, and to come back. */
const DEAD_LINE_MS = 75_000;
/** How long after a sale that meets a line cut while idle it has to be stored, beside the line. */
const LATER_MS = 5_000;
const PERFECT = { bytesPerSecond: 1e9, rttMs: 0, queueBytes: 1e6, loss: 0, idleCutMs: null } as const;

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

export const scenario = (
  name: string,
  shape: Partial<Scenario['shape']>,
  more: Partial<Omit<Scenario, 'name' | 'shape'>>,
): Scenario => ({
  name,
  shape: { bytesPerSecond: 1_000, rttMs: 100, queueBytes: 16_384, loss: 0, idleCutMs: null, ...shape },
  sales: 100,
  large: false,
  silentAfterMs: null,
  portalMs: 0,
  laterEveryMs: [],
  ...more,
});

/** Lines drawn at random. @param seconds that each is to take at its own speed, about */
export function randomScenarios(count: number, seconds: number, seed: number): Scenario[] {
  const random = seeded(seed);
  const between = (from: number, to: number): number => from * (to / from) ** random();
  return Array.from({ length: count }, (_, index) => {
    const bytesPerSecond = Math.round(between(200, 20_000));
    const kind = ['plain', 'plain', 'loss', 'idle', 'half-open', 'portal', 'large'][index % 7]!;
    return scenario(
      `${kind}-${index}`,
      {
        bytesPerSecond,
        rttMs: Math.round(between(20, 1_500)),
        queueBytes: Math.round(between(2_048, 65_536)),
        loss: kind === 'loss' ? between(0.001, 0.03) : 0,
        idleCutMs: kind === 'idle' ? Math.round(between(20_000, 300_000)) : null,
      },
      {
        sales: Math.max(1, Math.round((bytesPerSecond * seconds) / BYTES_PER_SALE)),
        large: kind === 'large',
        silentAfterMs: kind === 'half-open' ? Math.round(between(1_000, (seconds * 1_000) / 2)) : null,
        portalMs: kind === 'portal' ? Math.round(between(5_000, 30_000)) : 0,
        laterEveryMs: kind === 'idle' ? [5_000, 65_000] : [],
      },
    );
  });
}
const BYTES_PER_SALE = 20;

export async function lines(
  folder: string,
  { scenarios, seed, deadlineMs }: LinesOptions,
  progress: (done: number, total: number, message: string) => void,
): Promise<{ figures: LinesReport; outcomes: Outcome[]; faults: string[] }> {
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const collector = new CollectorProcess({ folder: path.join(folder, 'collector'), httpPort, mqttPort });
  await collector.init();
  const api = new MerchantApi(collector.httpUrl, MERCHANT, await collector.addKey(MERCHANT));
  const faults: string[] = [];
  const outcomes: Outcome[] = [];
  const needed = new Map<string, number>();
  try {
    await collector.start(READY_MS);
    const place = { folder, collector, seed, deadlineMs };
    let done = 0;
    await Promise.all(
      scenarios.map(async (scenario) => {
        const perfect = onPerfectLine(scenario);
        try {
          const [{ bytesUp }, outcome] = await Promise.all([run(perfect, place), run(scenario, place)]);
          needed.set(scenario.name, bytesUp);
          outcomes.push(outcome);
        } catch (error) {
          faults.push(`${scenario.name}: ${(error as Error).message}`);
        }
        progress(++done, scenarios.length, scenario.name);
      }),
    );
    const refs = await storedRefs(api);
    for (const outcome of outcomes) {
      const scenario = scenarios.find(({ name }) => name === outcome.name)!;
      faults.push(...judge(scenario, outcome, needed.get(outcome.name)!, refs));
    }
  } finally {
    if (collector.started) await collector.child.stop(READY_MS);
  }
  const figures = report(outcomes, scenarios, needed);
  return { figures, outcomes, faults };
}

const onPerfectLine = (scenario: Scenario): Scenario => ({
  ...scenario,
  name: `${scenario.name}-perfect`,
  shape: PERFECT,
  silentAfterMs: null,
  portalMs: 0,
  laterEveryMs: [],
});

/** @param needed bytes by the scenario's name */
function report(
  outcomes: readonly Outcome[],
  scenarios: readonly Scenario[],
  needed: ReadonlyMap<string, number>,
): LinesReport {
  const worst = (of: (outcome: Outcome, scenario: Scenario, bytes: number) => number): number =>
    Math.max(
      0,
      ...outcomes.map((outcome) => {
        const scenario = scenarios.find(({ name }) => name === outcome.name)!;
        return Math.round(of(outcome, scenario, needed.get(outcome.name)!) * 100) / 100;
      }),
    );
  return {
    lines: outcomes.length,
    sales: outcomes.reduce((sum, { refs }) => sum + refs.length, 0),
    bytesUp: outcomes.reduce((sum, { bytesUp }) => sum + bytesUp, 0),
    bytesNeeded: outcomes.reduce((sum, { name }) => sum + needed.get(name)!, 0),
    worstBytes: worst(({ bytesUp }, _scenario, bytes) => bytesUp / bytes),
    worstTime: worst(({ drainedMs }, { shape }, bytes) => drainedMs / ((bytes / shape.bytesPerSecond) * 1_000)),
  };
}

function judge(scenario: Scenario, outcome: Outcome, bytes: number, stored: ReadonlyMap<string, number>): string[] {
  const { name, shape, silentAfterMs, portalMs } = scenario;
  const { refs, bytesUp, drainedMs, connections, laterMs } = outcome;
  const faults: string[] = [];
  const wrong = refs.filter((ref) => stored.get(ref) !== 1);
  if (wrong.length > 0)
    faults.push(`${name}: ${wrong.length} of ${refs.length} sales are not stored once: ${wrong[0]}`);
  const mostBytes = BYTES_FACTOR * bytes + connections * SESSION_BYTES;
  if (bytesUp > mostBytes) faults.push(`${name}: ${bytesUp} bytes were sent, ${bytes} were needed`);
  const lineMs = (bytes / shape.bytesPerSecond) * 1_000 * (1 + shape.loss);
  const trips = 10 * shape.rttMs;
  const disturbed = (silentAfterMs === null ? 0 : DEAD_LINE_MS + silentAfterMs) + 2 * portalMs;
  const mostMs = TIME_FACTOR * lineMs + trips + disturbed + SLACK_MS;
  if (drainedMs > mostMs) faults.push(`${name}: drained in ${drainedMs} ms; the line takes ${Math.round(lineMs)} ms`);
  for (const ms of laterMs)
    if (ms > LATER_MS + trips + (SESSION_BYTES / shape.bytesPerSecond) * 1_000)
      faults.push(`${name}: a sale after a pause was stored after ${ms} ms`);
  return faults;
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

export const campaign: Campaign = {
  summary: 'bad lines between till and collector: every sale stored once, each byte sent about once',
  examples: ['', '--lines 70 --seconds 120'],
  options: { lines: { type: 'string' }, seconds: { type: 'string' }, seed: { type: 'string' } },
  async run(given, progress) {
    const folder = mkdtempSync(path.join(tmpdir(), 'tillstream-lines-'));
    const seed = wholeNumber(given, 'seed', 1);
    const seconds = wholeNumber(given, 'seconds', 60);
    const scenarios = randomScenarios(wholeNumber(given, 'lines', 21), seconds, seed);
    try {
      const { figures, faults } = await lines(
        folder,
        { scenarios, seed, deadlineMs: (4 * seconds + 300) * 1_000 },
        progress,
      );
      return { figures: { ...figures }, faults };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
