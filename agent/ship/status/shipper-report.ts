/** Report of the shipper's state, for `/v1/status` and the metrics. */
import type { LineReport } from '../line/line-meter.ts';
import type { CollectorState, ShipCounters } from './collector-state.ts';

export interface ShipperReport {
  readonly state: 'offline' | 'connecting' | 'greeting' | 'preparing' | 'shipping' | 'draining' | 'stopped';
  /** Explanation of the state for people. */
  readonly words: string;
  readonly address: string;
  /** IP addresses that the latest connection attempt tried. */
  readonly tried: readonly string[];
  /** Why the last connection ended or failed; null before. */
  readonly lastError: string | null;
  /** Milliseconds since 1970 of `lastError`. */
  readonly lastErrorAt: number | null;
  readonly batchesInFlight: number;
  /** Null when there is no connection. */
  readonly line: (LineReport & { readonly overdueMs: number }) | null;
  /** Whether an answer of the connected collector is overdue by more than 10 s. */
  readonly silent: boolean;
  readonly collector: Readonly<CollectorState> & {
    /**
     * Collector's clock minus the operating system's, milliseconds; null before the first answer.
     */
    readonly clockOffsetMs: number | null;
  };
  readonly counters: Readonly<ShipCounters>;
}
