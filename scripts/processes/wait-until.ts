/** Polls a condition until a deadline. */
import { setTimeout as wait } from 'node:timers/promises';

export interface WaitOptions {
  /** Named in the error, as in "waited 10 s for …". */
  readonly what: string;
  readonly deadlineMs: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Polls until the answer is not null, undefined or false, and returns it.
 *
 * @throws Error when the deadline passes; errors of `ask` are passed through
 */
export async function until<T>(
  ask: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const { what, deadlineMs, everyMs = 25, signal } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() >= deadline) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`);
    await wait(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}
