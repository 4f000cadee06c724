/** Distinguishes a first Ctrl-C, which stops gracefully, from a second one, which kills. */
import type { EventEmitter } from 'node:events';

export interface Interrupts {
  /** Source of the signals: `process`. */
  readonly source: EventEmitter;
  /** First Ctrl-C, or SIGTERM. */
  readonly first: (signal: NodeJS.Signals) => void;
  /** Second Ctrl-C. */
  readonly again: () => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * npm and its shims forward the Ctrl-C that the terminal has already sent to all of them: within
 * this time it is the same one.
 */
const ECHO_MS = 500;

/** @returns stops listening */
export function onInterrupt(interrupts: Interrupts): () => void {
  let first: number | null = null;
  const heard = (signal: NodeJS.Signals): void => {
    const now = interrupts.now();
    if (first === null) {
      first = now;
      interrupts.first(signal);
    } else if (now - first >= ECHO_MS) interrupts.again();
  };
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) interrupts.source.on(signal, heard);
  return () => {
    for (const signal of signals) interrupts.source.off(signal, heard);
  };
}
