/** Judges an attack by what the honest users met, and what the collector cost, beside it. */
import type { AttackReport } from './attack-runner.ts';
import type { HonestReport } from './honest/users.ts';

export interface Idle {
  readonly honest: HonestReport;
  readonly rssMib: number;
}

export interface Bounds {
  /** An honest p99 may be so much, or twice its idle value. */
  readonly honestP99Ms: number;
  /** Resident memory above idle. */
  readonly rssMib: number;
  /** Bytes of the collector's log, in all and for each second. */
  readonly logBytes: number;
  readonly logBytesPerSecond: number;
}

export const BOUNDS: Bounds = {
  honestP99Ms: 100,
  rssMib: 200,
  logBytes: 64 * 1024,
  logBytesPerSecond: 4 * 1024,
};

export interface Measured {
  readonly attack: AttackReport;
  readonly honest: HonestReport;
  /** How the collector ended; null: it runs. */
  readonly ending: string | null;
  /** How long the collector waited for a CPU, p99 of 200 ms. */
  readonly starvedMs: number;
  readonly peakRssMib: number;
  readonly logBytes: number;
  /** Growth of the store's files; 0 with HBase. */
  readonly storeMib: number;
  /** Infinity: this attack is not judged by it. */
  readonly maxStoreMib: number;
  readonly seconds: number;
  /** What the collector took of the attacker: batches, answers, connects; about. */
  readonly accepted: Readonly<Record<string, number>>;
  /** What the bounds refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Endings that the collector counted; null: it did not answer. */
  readonly endingsCounted: number | null;
  /** Connections that were opened, by the attacker and the honest users. */
  readonly connections: number;
  /** What is wrong with the honest figures; null: they are whole, or nobody can be asked. */
  readonly figuresFault: string | null;
}

const WAITS = ['ack', 'connect', 'question', 'livez'] as const;

/** One sentence for each promise that was broken. */
export function judge(idle: Idle, measured: Measured, bounds: Bounds): string[] {
  const { attack, honest, ending, peakRssMib, logBytes, seconds, figuresFault } = measured;
  const faults: string[] = [];
  if (ending !== null) faults.push(ending);
  if (attack.failure !== null) faults.push(`the attack failed: ${attack.failure}`);
  if (attack.connections === 0) faults.push('the attack opened no connection');
  for (const what of WAITS) faults.push(...waitFaults(what, idle, measured, bounds));
  if (honest.endings > 0) faults.push(`the honest till's session was ended ${honest.endings} times`);
  if (peakRssMib > idle.rssMib + bounds.rssMib)
    faults.push(`memory rose from ${mib(idle.rssMib)} to ${mib(peakRssMib)}`);
  if (logBytes > bounds.logBytes + bounds.logBytesPerSecond * seconds)
    faults.push(`${mib(logBytes / 2 ** 20)} were logged`);
  const { endingsCounted, connections, storeMib, maxStoreMib } = measured;
  if (storeMib > maxStoreMib) faults.push(`the store grew by ${mib(storeMib)}, at most ${mib(maxStoreMib)}`);
  if (endingsCounted !== null && endingsCounted > connections)
    faults.push(`${endingsCounted} endings were counted of ${connections} connections`);
  if (figuresFault !== null) faults.push(`the honest figures are not whole: ${figuresFault}`);
  return [...faults, ...attack.broken];
}

function waitFaults(
  what: (typeof WAITS)[number],
  idle: Idle,
  { honest, starvedMs }: Measured,
  { honestP99Ms }: Bounds,
): string[] {
  const faults: string[] = [];
  const beside = honest[what];
  // On a busy machine both sides are late, and the attack is not to blame.
  const bound = Math.max(2 * (idle.honest[what].p99 ?? 0), honestP99Ms) + honest.lateMs + starvedMs;
  if (beside.count === 0) faults.push(`no honest ${what} was measured`);
  else if (beside.p99! > bound) faults.push(`honest ${what}: p99 ${ms(beside.p99!)}, at most ${ms(bound)}`);
  if (beside.failures > 0) faults.push(`honest ${what}: ${beside.failures} of ${beside.count} refused or failed`);
  return faults;
}

const ms = (value: number): string => `${Math.round(value)} ms`;
const mib = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} MiB`;
