/**
 * Runs the attacks one after the other against one collector, and measures the honest users beside
 * each.
 *
 * A collector that an attack broke is replaced, store and all, so that every verdict is of its own
 * attack.
 */
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { StoreConfig } from '../../../collector/config/collector-config.ts';
import { until } from '../../processes/wait-until.ts';
import { type AttackReport, runAttack } from './attack-runner.ts';
import { type Attack, TURN_LEAD_MS } from './attacks/attack.ts';
import type { HonestReport } from './honest/users.ts';
import { type Bounds, type Idle, judge, type Measured } from './judge.ts';
import { accepted, type Counters, refusals, sumOf } from './prometheus-counters.ts';
import { Region } from './region.ts';
import type { Result } from './result-table.ts';

export interface HostileOptions {
  /** An empty working folder. */
  readonly folder: string;
  readonly attacks: readonly Attack[];
  /** Of each attack; and of the measurement without one. */
  readonly seconds: number;
  /** The store of the n-th collector; null: SQLite in the folder. */
  readonly storeOf: (region: number) => StoreConfig | null;
  /** The local address of the attacks' connections. */
  readonly from: string;
  readonly bounds: Bounds;
  readonly signal: AbortSignal;
}

type Progress = (done: number, total: number, message: string) => void;

const WARM_UP_MS = 4_000;
const MINUTE_MS = 60_000;
/** How long an attack's effect may last: what was asked before has to be answered by then. */
const QUIET_WITHIN_MS = 30_000;
const FIGURES_WITHIN_MS = 15_000;
/** Attacks and the honest users' connections end a moment before they are counted. */
const SETTLE_MS = 500;

interface Stage {
  readonly region: Region;
  readonly idle: Idle;
}

/** Stops early when the signal is aborted; the results so far are returned. */
export async function runAttacks(options: HostileOptions, progress: Progress): Promise<Result[]> {
  const { attacks, signal, bounds } = options;
  const results: Result[] = [];
  let stage: Stage | null = null;
  let regions = 0;
  try {
    for (const [index, attack] of attacks.entries()) {
      progress(index, attacks.length, attack.name);
      stage ??= await begin(options, regions++);
      const measured = await attacked(stage.region, attack, options);
      if (signal.aborted) break;
      const faults = judge(stage.idle, measured, bounds);
      results.push({ name: attack.name, idle: stage.idle, measured, faults });
      if (faults.length > 0) {
        await stage.region.stop();
        stage = null;
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await stage?.region.stop();
  }
  progress(results.length, attacks.length, 'done');
  return results;
}

/** A collector, its honest users and their idle values. */
async function begin({ folder, storeOf, seconds, signal }: HostileOptions, number: number): Promise<Stage> {
  const region = await Region.start(path.join(folder, `region-${number}`), storeOf(number), signal);
  try {
    await wait(WARM_UP_MS, undefined, { signal });
    region.honest.take();
    region.process.takePeakRssMib();
    await wait(seconds * 1_000, undefined, { signal });
    return { region, idle: { honest: region.honest.take(), rssMib: region.process.takePeakRssMib() } };
  } catch (error) {
    await region.stop();
    throw error;
  }
}

async function attacked(region: Region, attack: Attack, options: HostileOptions): Promise<Measured> {
  const { seconds, from, signal } = options;
  const target = await region.admit(attack.name.replaceAll('.', '-'));
  if (attack.minuteTurns !== undefined) await beforeMinuteTurn(signal);
  const before = { counters: await region.counters(), logBytes: region.logBytes(), storeMib: region.storeMib() };
  region.honest.take();
  region.process.takePeakRssMib();
  region.process.takeStarvedMs();
  const started = performance.now();
  const turnsMs = attack.minuteTurns === undefined ? 0 : TURN_LEAD_MS + (attack.minuteTurns - 1) * MINUTE_MS;
  const deadline = AbortSignal.timeout(turnsMs + seconds * 1_000);
  const report = await runAttack({ name: attack.name, target, from }, AbortSignal.any([deadline, signal]));
  await quiet(region);
  await wait(SETTLE_MS);
  const took = (performance.now() - started) / 1_000;
  const honest = region.honest.take();
  const starvedMs = region.process.takeStarvedMs();
  const after = region.running ? await region.counters().catch(() => null) : null;
  const figuresFault = region.running ? await region.honest.figuresFault(FIGURES_WITHIN_MS) : null;
  return {
    attack: report,
    honest,
    ending: region.running ? null : await region.ending(),
    starvedMs,
    peakRssMib: region.process.takePeakRssMib(),
    logBytes: region.logBytes() - before.logBytes,
    storeMib: region.storeMib() - before.storeMib,
    maxStoreMib: attack.maxStoreMib ?? Number.POSITIVE_INFINITY,
    seconds: took,
    ...counted(before.counters, after, report, honest),
    figuresFault,
  };
}

function counted(
  before: Counters,
  after: Counters | null,
  { connections }: AttackReport,
  { ack, connect, question, livez }: HonestReport,
): Pick<Measured, 'accepted' | 'refused' | 'endingsCounted' | 'connections'> {
  const honest = { batches: ack.count, answers: question.count + livez.count, connects: connect.count };
  const others = Object.entries(honest).map(([what, count]) => {
    const all = after === null ? 0 : (accepted(before, after)[what] ?? 0);
    return [what, Math.max(0, all - count)] as const;
  });
  const endings = (counters: Counters): number => sumOf(counters, 'tillstream_mqtt_ended_total');
  return {
    accepted: Object.fromEntries(others.filter(([, count]) => count > 0)),
    refused: after === null ? {} : refusals(before, after),
    endingsCounted: after === null ? null : endings(after) - endings(before),
    // The honest till's own session, too, may have been ended.
    connections: connections + connect.count + 1,
  };
}

/** Waits until nobody honest waits for an answer, or the collector is gone. */
async function quiet(region: Region): Promise<void> {
  const over = () => region.honest.quiet || !region.running;
  await until(over, { what: 'quiet', deadlineMs: QUIET_WITHIN_MS }).catch(() => undefined);
}

/** Waits until the next minute begins in `TURN_LEAD_MS`. */
async function beforeMinuteTurn(signal: AbortSignal): Promise<void> {
  const left = MINUTE_MS - (Date.now() % MINUTE_MS) - TURN_LEAD_MS;
  await wait(left < 0 ? left + MINUTE_MS : left, undefined, { signal });
}
