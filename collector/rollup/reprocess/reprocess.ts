/**
 * Builds the rows of a logic version for the merchants of a shard, in order of their keys.
 *
 * A cursor says which merchants are done, so that the same command goes on soon after it was
 * killed. Merchants for whom the version is active already are passed over: runs keep their rows,
 * and a build writes no row that is served.
 */
import type { MerchantId } from '../../../shared/ids.ts';
import { salt } from '../../../shared/keys.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import type { LogicVersions } from '../../store/logic-versions.ts';
import type { ParkedHours } from '../../store/parked-hours.ts';
import type { ReprocessCursors, ReprocessPlace } from '../../store/reprocess/cursors.ts';
import { allMerchants, type MerchantStores } from '../../store/sealing/all-merchants.ts';
import type { RecomputeStores } from '../run.ts';
import type { RunOfVersion } from '../versions.ts';
import { boundTo } from './bound-rollups.ts';
import { type Built, buildMerchant, type Hours, nothingBuilt } from './build.ts';

export interface ReprocessOptions {
  readonly stores: RecomputeStores & MerchantStores & { readonly parked: ParkedHours };
  readonly logics: Pick<LogicVersions, 'read'>;
  readonly cursors: ReprocessCursors;
  readonly logic: Logic;
  readonly hours: Hours;
  /** These alone, without a cursor; null: those of the shard. */
  readonly merchants: readonly MerchantId[] | null;
  /** What the cursor is of. */
  readonly place: ReprocessPlace;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** Called between two hours. */
  readonly pause: () => Promise<void>;
  readonly progress: (at: ReprocessProgress) => void;
  /** Aborted: the build stops after the hour under way, and rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface ReprocessProgress {
  readonly merchant: MerchantId;
  readonly merchants: number;
  readonly rows: number;
  readonly events: number;
  /** Of the whole, from 0 to 1. */
  readonly share: number;
}

export interface ReprocessReport extends Built {
  /** Merchants that were built. */
  merchants: number;
  /** Merchants for whom the version is active. */
  skipped: number;
  /** Raw rows and events in recomputed hours. */
  rows: number;
  events: number;
  /** Whether an interrupted build went on. */
  resumed: boolean;
}

const SALTS = 256;
/** Between two writes of the cursor, and two looks at which version is active. */
const SETTLE_MS = 1_000;

/** The salts of a shard, half-open. @param shard from 1 to `of` */
export const saltsOf = ({ shard, of }: Pick<ReprocessPlace, 'shard' | 'of'>): readonly [number, number] => [
  Math.floor((SALTS * (shard - 1)) / of),
  Math.floor((SALTS * shard) / of),
];

export async function reprocess(options: ReprocessOptions): Promise<ReprocessReport> {
  const { logic, hours, logics, clock, now, pause, signal } = options;
  const report: ReprocessReport = {
    ...{ ...nothingBuilt(), merchants: 0, skipped: 0 },
    ...{ rows: 0, events: 0, resumed: false },
  };
  const of = runOf(options, report);
  const settle = await cursorOf(options, report);
  let set = await logics.read();
  let settledAt = clock();
  for await (const merchant of merchantsOf(options, settle.after)) {
    if (set.active(merchant) === logic.version) report.skipped++;
    else {
      try {
        const beside = [set.active(merchant)];
        const recompute = { ...of.recompute, beside, isShown: set.wasActive(merchant, logic.version) };
        await buildMerchant(merchant, hours, { ...of, recompute }, report, async (hour) => {
          signal.throwIfAborted();
          options.progress({ ...report, merchant, share: shareOf(merchant, hour, options) });
          await pause();
        });
      } catch (error) {
        // An attempt that was stopped says so in its own words.
        signal.throwIfAborted();
        throw error;
      }
      report.merchants++;
    }
    if (clock() - settledAt < SETTLE_MS) continue;
    await settle.write(merchant, null);
    set = await logics.read();
    settledAt = clock();
  }
  await settle.write(null, now());
  return report;
}

/** What a build gets to write with: nothing but the rows of its own version. */
function runOf({ stores, logic, now, signal }: ReprocessOptions, report: ReprocessReport): RunOfVersion {
  const rollups = boundTo(logic.version, stores.rollups, ({ level }, { rows, events }) => {
    if (level !== 'hour') return;
    report.rows += rows;
    report.events += events;
  });
  return {
    ...{ logic, now },
    stores: { ...stores, rollups, parked: stores.parked.ofLogic(logic.version) },
    recompute: { isStopped: () => signal.aborted, leftNotes: new Map() },
  };
}

async function* merchantsOf(
  { merchants, stores, place }: ReprocessOptions,
  after: MerchantId | null,
): AsyncIterable<MerchantId> {
  if (merchants === null) yield* allMerchants(stores, saltsOf(place), after);
  else yield* merchants;
}

/** A build that ended is begun anew. */
async function cursorOf({ cursors, place, merchants, now }: ReprocessOptions, report: ReprocessReport) {
  const before = merchants === null ? await cursors.read(place) : null;
  const goesOn = before !== null && before.finishedAt === null;
  report.resumed = goesOn;
  const startedAt = goesOn ? before.startedAt : now();
  return {
    after: goesOn ? before.through : null,
    write: async (through: MerchantId | null, finishedAt: number | null): Promise<void> => {
      if (merchants === null) await cursors.write(place, { through, startedAt, finishedAt });
    },
  };
}

/** Merchants are spread evenly over the salts. */
function shareOf(merchant: MerchantId, hour: number, { merchants, hours, place }: ReprocessOptions): number {
  const ofHours = (hour - hours.from) / Math.max(1, hours.to - hours.from);
  if (merchants !== null) return (merchants.indexOf(merchant) + ofHours) / merchants.length;
  const [first, end] = saltsOf(place);
  return (salt(merchant) - first) / Math.max(1, end - first);
}
