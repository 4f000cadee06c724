/** Runs an attack in its thread until a signal ends it. */
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { ThreadData, ThreadReport } from './attack-thread.ts';

export interface AttackReport {
  readonly sentBytes: number;
  readonly connections: number;
  readonly seconds: number;
  /** Promises that the attack itself saw broken. */
  readonly broken: readonly string[];
  /** Why it could not run; null: it ran. */
  readonly failure: string | null;
}

/** An attack that is told to end ends within this time, or its thread is ended. */
const END_MS = 3_000;

export async function runAttack(data: ThreadData, signal: AbortSignal): Promise<AttackReport> {
  const started = performance.now();
  const worker = new Worker(new URL('./attack-thread.ts', import.meta.url), { workerData: data });
  let last: ThreadReport = { sentBytes: 0, connections: 0, broken: null };
  let failure: string | null = null;
  worker.on('message', (report: ThreadReport) => {
    last = report;
  });
  const exited = new Promise<void>((resolve) => {
    worker.once('error', (error) => {
      failure = error instanceof Error ? error.message : String(error);
    });
    worker.once('exit', () => resolve());
  });
  const stop = (): void => worker.postMessage('stop');
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const late = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => void wait(END_MS, undefined, { ref: false }).then(resolve), { once: true });
  });
  await Promise.race([exited, late]);
  const seconds = (performance.now() - started) / 1_000;
  await worker.terminate();
  signal.removeEventListener('abort', stop);
  const { sentBytes, connections, broken } = last;
  if (broken === null) failure ??= 'it did not end when it was told to';
  return { sentBytes, connections, seconds, broken: broken ?? [], failure };
}
