/** `reprocess`: builds the figures of a logic version from the raw log, beside those in use. */
import { setTimeout as wait } from 'node:timers/promises';
import type { MerchantId } from '../../../shared/ids.ts';
import { HOUR_MS, hourOf } from '../../../shared/time.ts';
import type { Logic } from '../../aggregation/logic/logic-version.ts';
import { proposedIdentity, type Stores } from '../../app/context.ts';
import type { Hours } from '../../rollup/reprocess/build.ts';
import { estimate, type MerchantPlan, planOf } from '../../rollup/reprocess/plan.ts';
import { type ReprocessProgress, reprocess, saltsOf } from '../../rollup/reprocess/reprocess.ts';
import { Throttle } from '../../rollup/reprocess/throttle.ts';
import { initializeStore } from '../../store/initialize-store.ts';
import { type LogicSet, logicOf } from '../../store/logic-versions.ts';
import { allMerchants } from '../../store/sealing/all-merchants.ts';
import {
  boundary,
  type Command,
  type CommandContext,
  CommandFailed,
  type Given,
  merchantsGiven,
  numberGiven,
  type Printed,
  UsageError,
  withStore,
} from '../command.ts';
import { barOf, longCommand } from '../long-command.ts';

const MAX_SHARDS = 256;
/** Merchants that a plan shows as text. */
const SHOWN = 20;

export const reprocessLogs: Command = {
  name: 'reprocess',
  summary: 'builds the figures of a logic version from the raw log, beside those in use; beside running collectors',
  options: {
    ...{ logic: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, shard: { type: 'string' } },
    ...{ merchant: { type: 'string', multiple: true }, plan: { type: 'boolean' } },
  },
  help: [
    '--logic N          the version, as `logic add` made it; if left out, the newest',
    '--plan             shows what it would read, and how long that takes; writes nothing',
    '--merchant M       of this merchant only; several times or with commas for several',
    '--from T, --to T   hours from T on, or before T: an RFC 3339 instant, or a date of UTC',
    '--shard I/N        the I-th of N parts of the merchants, for N processes side by side',
  ],
  examples: [
    'reprocess --plan --logic 2 --config config/collector.yaml',
    'reprocess --logic 2 --shard 1/4 --json --config config/collector.yaml',
  ],
  run: (context) =>
    withStore(context, async (stores, tables) => {
      await initializeStore(tables, context.config.dimensions, proposedIdentity());
      const set = await stores.logics.read();
      const logic = logicGiven(context.given, set);
      return context.given.plan === true ? plan(context, stores, logic, set) : build(context, stores, logic, set);
    }),
};

async function plan(context: CommandContext, stores: Stores, logic: Logic, set: LogicSet): Promise<Printed> {
  const { log } = stores;
  const { hours, merchants, shard } = whatOf(context);
  const plans = await longCommand<number, MerchantPlan[]>(
    context,
    'reprocess --plan',
    (rows) => `${rows} rows counted`,
    async ({ progress, signal }) => {
      const found: MerchantPlan[] = [];
      let rows = 0;
      for await (const merchant of merchants ?? allMerchants(stores, saltsOf(shard))) {
        signal.throwIfAborted();
        const planned = await planOf(stores, merchant, hours, set.active(merchant), context.now());
        rows += planned.rows;
        progress(rows);
        if (planned.rows > 0 || planned.sealed.length > 0) found.push(planned);
      }
      return found.sort((a, b) => b.rows - a.rows || (a.merchant < b.merchant ? -1 : 1));
    },
  );
  const total = (name: 'hours' | 'rows' | 'events'): number => plans.reduce((sum, plan) => sum + plan[name], 0);
  const sums = { hours: total('hours'), rows: total('rows'), events: total('events') };
  const seconds = await estimate(log, logic, plans, hours, () => performance.now());
  const lines = plans.slice(0, SHOWN).map((of) => `  ${of.merchant}: ${of.hours} hours, ${of.rows} rows`);
  const sealed = plans.reduce((sum, plan) => sum + plan.sealed.length, 0);
  return {
    json: {
      ...{ logic: logic.version, ...sums, sealedHours: sealed, seconds },
      merchants: plans.map(({ sealed, ...of }) => ({ ...of, sealed: rangesOf(sealed) })),
    },
    text: [
      `logic version ${logic.version}: ${plans.length} merchants, ${sums.hours} hours, ${sums.rows} rows, ${sums.events} events`,
      ...(seconds === null ? [] : [`about ${seconds} s in one process`]),
      ...lines,
      ...(plans.length > SHOWN ? [`  … and ${plans.length - SHOWN} more`] : []),
      ...(sealed === 0 ? [] : [`${sealed} sealed hours keep their figures, since raw rows of theirs have expired:`]),
      ...plans
        .filter(({ sealed }) => sealed.length > 0)
        .slice(0, SHOWN)
        .map((of) => `  ${of.merchant}: ${rangesOf(of.sealed).slice(0, SHOWN).map(rangeText).join(', ')}`),
    ].join('\n'),
  };
}

interface Span {
  readonly from: string;
  readonly to: string;
}

const rangeText = ({ from, to }: Span): string => `${from} to ${to}`;

/** Hours that follow each other as one half-open range. @param hours since 1970, in order */
function rangesOf(hours: readonly number[]): Span[] {
  const ranges: { from: number; to: number }[] = [];
  for (const hour of hours) {
    const last = ranges.at(-1);
    if (last?.to === hour) last.to++;
    else ranges.push({ from: hour, to: hour + 1 });
  }
  const iso = (hour: number): string => new Date(hour * HOUR_MS).toISOString();
  return ranges.map(({ from, to }) => ({ from: iso(from), to: iso(to) }));
}

async function build(context: CommandContext, stores: Stores, logic: Logic, set: LogicSet): Promise<Printed> {
  const { given, now } = context;
  const { version } = logic;
  if (set.active(null) === version)
    throw new CommandFailed(`logic version ${version} is active: runs keep its rows, and nothing else writes them`);
  const { hours, merchants, shard } = whatOf(context);
  const clock = (): number => performance.now();
  return longCommand(context, 'reprocess', lineOf, async ({ progress, signal, seconds }) => {
    const throttle = new Throttle({ latency: () => stores.commitTimes.longest(now()), clock, wait: (ms) => wait(ms) });
    const range = `${given.from ?? ''}..${given.to ?? ''}`;
    const report = await reprocess({
      ...{ stores, logics: stores.logics, cursors: stores.cursors, logic, hours, merchants },
      ...{ place: { version, range, ...shard }, now, clock, pause: () => throttle.pause(), progress, signal },
    });
    const skipped = report.skipped > 0 ? [`${report.skipped} have it active already: passed over`] : [];
    const out = report.leftOut;
    return {
      json: { logic: version, ...report, seconds: seconds() },
      text: [
        `logic version ${version}: ${report.merchants} merchants, ${report.hours} hours, of which ${report.recomputed} were built`,
        `${report.rows} rows, ${report.events} events in ${seconds()} s`,
        ...skipped,
        ...(report.kept > 0
          ? [`${report.kept} sealed hours keep the figures of the version before: raw rows of theirs have expired`]
          : []),
        ...(out > 0 ? [`${out} hours go without something: see audit --parked, or run it again in ten minutes`] : []),
      ].join('\n'),
      found: out > 0,
    };
  });
}

/** @throws UsageError */
export function logicGiven(given: Given, set: LogicSet): Logic {
  const version = given.logic === undefined ? set.records.at(-1)!.version : numberGiven(given, 'logic');
  const record = set.record(version);
  if (record === null)
    throw new UsageError(`--logic: there is no version ${version}: see "logic list" and "logic add"`);
  if (record.state === 'dropped') throw new UsageError(`--logic: version ${version} was dropped, for ever`);
  return logicOf(record);
}

/** Hours that have not ended, with their grace, have no rows: they are folded when asked for. */
export function hoursGiven({ given, now, config }: CommandContext): Hours {
  const ended = hourOf(now() - config.rollup.graceSeconds * 1_000);
  const [from, to] = [Math.floor(boundary(given, 'from', 0)), Math.ceil(boundary(given, 'to', ended))];
  return { from, to: Math.min(to, ended) };
}

function whatOf(context: CommandContext): {
  readonly hours: Hours;
  readonly merchants: readonly MerchantId[] | null;
  readonly shard: { readonly shard: number; readonly of: number };
} {
  const { given } = context;
  const merchants = merchantsGiven(given);
  const [shard, of] = shardGiven(given);
  if (merchants !== null && of > 1) throw new UsageError('give --merchant or --shard, one of the two');
  return { hours: hoursGiven(context), merchants, shard: { shard, of } };
}

function shardGiven({ shard }: Given): readonly [number, number] {
  if (shard === undefined) return [1, 1];
  const [, i, n] = /^(\d{1,3})\/(\d{1,3})$/.exec(String(shard)) ?? [];
  const [index, of] = [Number(i), Number(n)];
  if (!(index >= 1 && index <= of && of <= MAX_SHARDS))
    throw new UsageError(`--shard: must be I/N, from 1/N to N/N, with N at most ${MAX_SHARDS}`);
  return [index, of];
}

function lineOf({ merchant, merchants, rows, events, share }: ReprocessProgress, seconds: number): string {
  const speed = Math.round(events / Math.max(seconds, 0.001));
  return barOf(share, `${merchant}, ${merchants} merchants done, ${rows} rows, ${speed} events/s`, seconds);
}
