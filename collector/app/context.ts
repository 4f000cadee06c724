/** The collector's context: start options, stores and metrics, as the roles receive them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { SIPHASH_KEY_BYTES } from '../../shared/siphash.ts';
import type { CollectorConfig, StoreConfig } from '../config/collector-config.ts';
import type { TlsFiles } from '../config/tls-files.ts';
import { Sweeps } from '../store/audit/sweeps.ts';
import { Control } from '../store/control.ts';
import { DueMarks } from '../store/due-marks.ts';
import { EventLog } from '../store/event-log.ts';
import { Finality } from '../store/finality.ts';
import { History } from '../store/history/history.ts';
import type { StoreIdentity } from '../store/initialize-store.ts';
import { Leases } from '../store/leases.ts';
import { LogicVersions } from '../store/logic-versions.ts';
import { ParkedHours } from '../store/parked-hours.ts';
import { CommitTimes } from '../store/reprocess/commit-times.ts';
import { ReprocessCursors } from '../store/reprocess/cursors.ts';
import { Rollups } from '../store/rollups/rollups.ts';
import { SealedHours } from '../store/sealing/sealed-hours.ts';
import type { Tables } from '../store/tables.ts';
import { Terminals } from '../store/terminals.ts';
import type { ClockProblem } from './clock-guard.ts';
import type { CollectorMetrics } from './prometheus-metrics.ts';

export const ROLES = ['ingest', 'rollup', 'api'] as const;
export type Role = (typeof ROLES)[number];

/** Rejects with StoreUnavailable when the store cannot be opened now. */
export type OpenTables = (store: StoreConfig) => Promise<Tables>;

export interface StartOptions {
  readonly config: CollectorConfig;
  readonly roles: ReadonlySet<Role>;
  /** The TLS files of the broker; null: plain TCP. */
  readonly tls: TlsFiles | null;
  readonly openTables: OpenTables;
  readonly log: Logger;
  /** How many files the process may open; null: unknown. */
  readonly fileHandles: number | null;
  /** Version of the software. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** The typed stores on top of the store's tables. */
export interface Stores {
  readonly log: EventLog;
  readonly marks: DueMarks;
  readonly rollups: Rollups;
  readonly history: History;
  readonly parked: ParkedHours;
  readonly finality: Finality;
  readonly leases: Leases;
  readonly logics: LogicVersions;
  readonly sealed: SealedHours;
  readonly sweeps: Sweeps;
  readonly terminals: Terminals;
  readonly control: Control;
  readonly cursors: ReprocessCursors;
  readonly commitTimes: CommitTimes;
}

export interface CollectorContext extends StartOptions {
  /** Connections of tills that may be in their handshake. */
  readonly maxHandshakes: number;
  readonly stores: Stores;
  readonly metrics: CollectorMetrics;
  /** Why this machine's clock cannot be trusted now; null: it can. */
  readonly clockProblem: ClockProblem;
}

/** For a store that has no identity yet. */
export const proposedIdentity = (): Pick<StoreIdentity, 'storeGen' | 'digestKey'> => ({
  storeGen: randomUUID(),
  digestKey: randomBytes(SIPHASH_KEY_BYTES),
});

/** The event log cannot append before it got the digest key of the opened store. */
export const storesOn = (tables: Tables): Stores => ({
  log: new EventLog(tables),
  marks: new DueMarks(tables, () => randomBytes(8).toString('hex')),
  rollups: new Rollups(tables),
  history: new History(tables),
  parked: new ParkedHours(tables),
  finality: new Finality(tables),
  leases: new Leases(tables),
  logics: new LogicVersions(tables),
  sealed: new SealedHours(tables),
  sweeps: new Sweeps(tables),
  terminals: new Terminals(tables),
  control: new Control(tables),
  cursors: new ReprocessCursors(tables),
  commitTimes: new CommitTimes(tables),
});
