/** What a line may cost: bytes, time, and connections. */
import { lineTimeMs } from '../../simulate/shaped-line.ts';
import type { Outcome, Scenario } from './scenario.ts';

/** A till behind a line, and what its sales take on a perfect one. */
export interface Result {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly bytesNeeded: number;
}

const BYTES_FACTOR = 1.3;
const TIME_FACTOR = 1.5;
/** Beside the line's own time: a loaded machine, the wait before a connection, the last answers. */
const SLACK_MS = 10_000;
/** Bytes of a connection that carries no sale: CONNECT, SUBSCRIBE, statuses. */
const SESSION_BYTES = 800;
/** `ship.reconnectMaxMs`: with full jitter any wait after some attempts may be as long. */
const RECONNECT_MAX_MS = 60_000;
/** How long the agent may take to notice that a line is dead, and to come back. */
const DEAD_LINE_MS = 75_000;
/** How long after a sale that meets a line cut while idle it has to be stored, beside the line. */
const LATER_MS = 5_000;
/** With less the shortest keep-alive, 20 s, is above what it should be. */
const LEARNED_CUT_MS = 25_000;

/** How long the line itself takes for the bytes that are needed, milliseconds. */
export const lineMs = ({ scenario, bytesNeeded }: Result): number => lineTimeMs(scenario.shape, bytesNeeded);

/** @param stored ref -> how often it is stored @returns what a line broke, in words */
export function judge(result: Result, stored: ReadonlyMap<string, number>): string[] {
  const { scenario, outcome, bytesNeeded } = result;
  const { name, shape, silentAfterMs, silentIdle, portalMs } = scenario;
  const { refs, bytesUp, drainedMs, connections, laterMs } = outcome;
  const faults: string[] = [];
  const wrong = refs.filter((ref) => stored.get(ref) !== 1);
  if (wrong.length > 0) faults.push(`${wrong.length} of ${refs.length} sales are not stored once: ${wrong[0]}`);
  if (bytesUp > BYTES_FACTOR * bytesNeeded + connections * SESSION_BYTES)
    faults.push(`${bytesUp} bytes were sent, ${bytesNeeded} were needed`);
  const trips = 10 * shape.rttMs;
  const retryMs = portalMs === 0 ? 0 : Math.max(2 * portalMs, RECONNECT_MAX_MS);
  const disturbedMs = (silentAfterMs === null ? 0 : DEAD_LINE_MS + silentAfterMs) + portalMs + retryMs;
  const mostMs = TIME_FACTOR * lineMs(result) + trips + disturbedMs + SLACK_MS;
  if (drainedMs > mostMs) faults.push(`drained in ${drainedMs} ms; the line takes ${Math.round(lineMs(result))} ms`);
  const mostLaterMs = LATER_MS + trips + (SESSION_BYTES / shape.bytesPerSecond) * 1_000;
  for (const [index, ms] of laterMs.entries())
    if (ms > mostLaterMs + (silentIdle && index === 0 ? DEAD_LINE_MS : 0))
      faults.push(`a sale after a pause was stored after ${ms} ms`);
  const isLearned = shape.idleCutMs !== null && shape.idleCutMs >= LEARNED_CUT_MS;
  if (isLearned && connections > 2) faults.push(`${connections} connections: the idle cut was not learned`);
  return faults.map((fault) => `${name}: ${fault}`);
}

const HEADINGS = [
  'line',
  'B/s',
  'RTT',
  'loss',
  'idle cut',
  'sent/needed',
  'drained/line',
  'connections',
  'later sales',
];

/** A line for each: times in seconds, the most of `drained` is 1.5 beside what disturbs. */
export function table(results: readonly Result[]): string {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const ratio = (a: number, b: number): string => (a / b).toFixed(2);
  const rows = results.map((result) => {
    const { scenario, outcome, bytesNeeded } = result;
    const { bytesPerSecond, rttMs, loss, idleCutMs } = scenario.shape;
    const { portalMs, silentAfterMs, silentIdle } = scenario;
    const silent = silentAfterMs === null ? (silentIdle ? 'silent idle' : '-') : `silent at ${seconds(silentAfterMs)}`;
    const { bytesUp, drainedMs, connections, laterMs } = outcome;
    return [
      scenario.name,
      `${bytesPerSecond}`,
      seconds(rttMs),
      loss === 0 ? '-' : `${(100 * loss).toFixed(1)} %`,
      idleCutMs === null ? '-' : seconds(idleCutMs),
      portalMs > 0 ? `portal ${seconds(portalMs)}` : silent,
      `${ratio(bytesUp, bytesNeeded)} (${bytesUp}/${bytesNeeded})`,
      `${ratio(drainedMs, lineMs(result))} (${seconds(drainedMs)}/${seconds(lineMs(result))})`,
      `${connections}`,
      laterMs.map(seconds).join(', ') || '-',
    ];
  });
  const lines = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
