/**
 * The shape of a stage's limits: what anybody outside may cause at most. Each stage keeps its own
 * in one file, `limits.ts`; `check-config --limits` prints them, docs/limits.md explains them.
 */

export type LimitUnit = 'bytes' | 'bytes/s' | 'ms' | 'ms/s' | '1/s' | 'count' | 'ratio';

export interface Limit {
  readonly value: number;
  readonly unit: LimitUnit;
  /** What the limit protects, and why an honest user never meets it. One or two sentences. */
  readonly why: string;
  /** The configuration key that changes it; left out: it is a constant. */
  readonly key?: string;
}

/** A stage's limits by name. The names are for operators too: `sessionsPerTerminal`. */
export type Limits = Readonly<Record<string, Limit>>;
