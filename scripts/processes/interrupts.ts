import type { EventEmitter } from 'node:events';

export interface Interrupts {
  /** Where signals come from: `process`. */
  readonly source: EventEmitter;
  /** Ctrl-C, or SIGTERM. */
  readonly first: (signal: NodeJS.Signals) => void;
  /** Ctrl-C again. */
  readonly again: () => void;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
}

/** npm and its shims pass on the Ctrl-C that the terminal has sent to all of them already: within this time it is the same one. */
const ECHO_MS = 500;

/** @returns how to stop listening */
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
