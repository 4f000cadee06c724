/** Content of the page and of `GET /v1/inspect`: redacted and bounded. */
import type { EventView } from '../facts/event-view.ts';
import type { AgentHealth } from '../facts/health.ts';
import type { LossView } from '../losses.ts';

export interface HistoryPoint {
  /** Minutes before now. */
  readonly minutesAgo: number;
  /** Most pending events up to the next point. */
  readonly pending: number;
  /** Events accepted up to the next point. */
  readonly taken: number;
}

export interface BufferReport {
  readonly pending: number;
  /** RFC 3339: start of the hour of the oldest pending event. */
  readonly oldestPending: string | null;
  readonly acked: number;
  readonly quarantined: number;
  readonly losses: { readonly events: number; readonly records: number; readonly unsent: number };
  readonly bytes: number;
  readonly maxBytes: number;
  /** See `hoursUntilFull`. */
  readonly hoursUntilFull: number | null;
}

export interface InspectReport {
  /** RFC 3339, by the agent's clock. */
  readonly at: string;
  readonly merchant: string;
  readonly terminal: string;
  readonly version: string;
  readonly startedAt: string;
  readonly state: AgentHealth;
  /** Whether the collector takes batches. */
  readonly connected: boolean;
  /** Null when no buffer can be read. */
  readonly buffer: BufferReport | null;
  /** Oldest first; the last point is now. */
  readonly history: readonly HistoryPoint[];
  /** The most recent events. */
  readonly events: readonly EventView[];
  readonly quarantined: readonly EventView[];
  readonly losses: readonly LossView[];
  /** Descriptions of what could not be read for this report. */
  readonly unread: readonly string[];
  /** Newest first. */
  readonly connections: readonly {
    readonly at: string;
    readonly level: 'info' | 'warn';
    readonly words: string;
    readonly times: number;
  }[];
  /** Names and values. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}
