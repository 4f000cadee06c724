/**
 * Runs a long command: shows its progress, and lets a first SIGTERM or SIGINT stop it where it can
 * go on; a second one ends the process.
 */
import { type CommandContext, CommandFailed } from './command.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Between two lines of progress. */
const LINE_MS = 2_000;
const BAR = 20;

export interface LongWork<P> {
  readonly progress: (at: P) => void;
  /** Aborted: the work stops where it can go on later, and rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Since it began. */
  readonly seconds: () => number;
}

/** @param lineOf a line of progress, by what `progress` is called with */
export async function longCommand<P, T>(
  { progress = () => undefined }: CommandContext,
  name: string,
  lineOf: (at: P, seconds: number) => string,
  work: (of: LongWork<P>) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  const seconds = (): number => Math.round(performance.now() - start) / 1_000;
  const stop = new AbortController();
  const onSignal = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    stop.abort(new CommandFailed(`${name} was stopped; the same command goes on`));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  let shown = start;
  const show = (at: P): void => {
    if (performance.now() - shown < LINE_MS) return;
    shown = performance.now();
    progress(`${name}: ${lineOf(at, seconds())}`);
  };
  try {
    return await work({ progress: show, signal: stop.signal, seconds });
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

/** A bar, and how long the rest takes. @param share of the whole, from 0 to 1; null: not known */
export function barOf(share: number | null, done: string, seconds: number): string {
  if (share === null || share === 0) return done;
  const bar = '#'.repeat(Math.round(share * BAR)).padEnd(BAR, '.');
  return `[${bar}] ${Math.floor(share * 100)} %, ${done}, ${Math.ceil((seconds / share) * (1 - share))} s left`;
}
