/** A long command: its progress on standard error, and how a signal stops it. */
import { BackupFailed } from '../backup/files.ts';
import type { Progress, Watch } from '../backup/progress.ts';
import { type CommandContext, CommandFailed } from './command.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Between two lines of progress. */
const LINE_MS = 2_000;
const BAR = 20;

/**
 * Runs a long command: shows its progress, and lets a first SIGTERM or SIGINT stop it where it can
 * go on; a second one ends the process.
 */
export async function watched<T>(
  { progress = () => undefined }: CommandContext,
  name: string,
  work: (watch: Watch, seconds: () => number) => Promise<T>,
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
  const show = (at: Progress): void => {
    if (performance.now() - shown < LINE_MS) return;
    shown = performance.now();
    progress(`${name}: ${lineOf(at, seconds())}`);
  };
  try {
    return await work({ progress: show, signal: stop.signal }, seconds);
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    const isForeseen = error instanceof BackupFailed || (code !== undefined && syscall !== undefined);
    throw isForeseen ? new CommandFailed(message, { cause: error }) : error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

function lineOf({ table, rows, bytes, share }: Progress, seconds: number): string {
  const done = `${table}, ${rows} rows, ${sizeOf(bytes)}, ${sizeOf(bytes / seconds)}/s`;
  if (share === null) return done;
  const bar = '#'.repeat(Math.round(share * BAR)).padEnd(BAR, '.');
  return `[${bar}] ${Math.floor(share * 100)} %, ${done}, ${Math.ceil((seconds / share) * (1 - share))} s left`;
}

export const sizeOf = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
