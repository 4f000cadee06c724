/**
 * `audit --rollups`: the hours and days whose rows differ from the raw log. `audit --sample N`:
 * random hours, folded again and compared bit for bit.
 */
import { type MerchantId, merchantId } from '../../../shared/ids.ts';
import { DAY_MS, HOUR_MS, hourOf, MINUTE_MS } from '../../../shared/time.ts';
import type { Stores } from '../../app/context.ts';
import { findMismatches, type Mismatch } from '../../rollup/audit/find-mismatches.ts';
import { repair } from '../../rollup/audit/repair.ts';
import { differingCells } from '../../rollup/verify/refold.ts';
import { checkLayout } from '../../store/initialize-store.ts';
import type { Rollup } from '../../store/rollups/rollup.ts';
import { boundary, type CommandContext, END_HOUR, type Printed, parsed, withStore } from '../command.ts';
import { longCommand } from '../long-command.ts';

/** More are counted and not listed. */
const MAX_LISTED = 10_000;
/** A run follows its hour's end and grace by a minute or two. */
const SETTLED_MS = 5 * MINUTE_MS;
const LENGTH_MS = { hour: HOUR_MS, day: DAY_MS } as const;

interface Range {
  readonly merchant: MerchantId | null;
  /** Hours since 1970. */
  readonly from: number;
  readonly to: number;
}

function rangeOf({ given, config, now }: CommandContext): Range {
  const ended = hourOf(now() - config.rollup.graceSeconds * 1000 - SETTLED_MS);
  return {
    merchant: given.merchant === undefined ? null : parsed(given, 'merchant', merchantId),
    from: Math.floor(boundary(given, 'from', 0)),
    to: Math.min(Math.ceil(boundary(given, 'to', END_HOUR)), ended),
  };
}

const merchantsOf = ({ log }: Stores, merchant: MerchantId | null): AsyncIterable<MerchantId> | Iterable<MerchantId> =>
  merchant === null ? log.merchants() : [merchant];

const iso = (ms: number): string => new Date(ms).toISOString();

export async function auditRollups(context: CommandContext): Promise<Printed> {
  const { given, now } = context;
  const { merchant, from, to } = rangeOf(context);
  const kind = { cells: given.cells === true, byDay: given['by-day'] === true };
  const listed: Mismatch[] = [];
  const counts = { compared: 0, mismatches: 0, repaired: 0 };
  await withStore(context, async (stores) => {
    await checkLayout(stores.control);
    const lineAt = (one: MerchantId): string => `${counts.compared} hours and days compared, now of ${one}`;
    await longCommand<MerchantId, void>(context, 'audit --rollups', lineAt, async ({ progress, signal }) => {
      for await (const one of merchantsOf(stores, merchant)) {
        const onCompared = (): undefined => {
          signal.throwIfAborted();
          counts.compared++;
          progress(one);
        };
        const version = (await stores.logics.read()).active(one);
        const options = { stores, now, logic: { version }, ...kind };
        for await (const found of findMismatches(one, from, to, options, onCompared)) {
          if (++counts.mismatches <= MAX_LISTED) listed.push(found);
          if (given.repair === true && (await repair(found, { stores, now }))) counts.repaired++;
        }
      }
    });
  });
  const notListed = counts.mismatches - listed.length;
  const lines = listed.map(lineOf);
  if (notListed > 0) lines.push(`… and ${notListed} more: narrow it with --merchant, --from, --to`);
  if (counts.repaired > 0) lines.push(`${counts.repaired} of them are computed again within two minutes`);
  return {
    json: {
      ...{ compared: counts.compared, mismatches: listed.map(entryOf), mismatchesNotListed: notListed },
      repaired: counts.repaired,
    },
    text: lines.join('\n') || `${counts.compared} hours and days are as the raw log is`,
    found: counts.mismatches > 0,
  };
}

const entryOf = ({ merchant, level, time, fault, counted, expected }: Mismatch) => ({
  ...{ merchant, level, t: iso(time * LENGTH_MS[level]), kind: fault, counted, expected },
});

function lineOf(mismatch: Mismatch): string {
  const { merchant, level, t, kind, counted, expected } = entryOf(mismatch);
  const holds = counted === null ? 'no row' : `a row of ${counted} raw rows`;
  return `${merchant} ${level} ${t}: ${kind} (${holds}, ${expected} expected)`;
}

interface Wrong {
  readonly merchant: MerchantId;
  readonly t: string;
  readonly cells: readonly string[];
}

export async function auditSample(context: CommandContext): Promise<Printed> {
  const { given, now } = context;
  const wanted = parsed(given, 'sample', (text) => {
    if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error('give a whole number from 1');
    return Number(text);
  });
  const wrong: Wrong[] = [];
  let sampled = 0;
  let repaired = 0;
  await withStore(context, async (stores) => {
    await checkLayout(stores.control);
    const lineAt = (at: number): string => `${at} of ${wanted} hours folded again`;
    await longCommand<number, void>(context, 'audit --sample', lineAt, async ({ progress, signal }) => {
      for await (const row of randomHours(stores, rangeOf(context), wanted)) {
        signal.throwIfAborted();
        const { merchant, time } = row;
        const place = { merchant, level: 'hour', time } as const;
        // Raw rows may be gone.
        if (stores.sealed.isSealed(row, now())) continue;
        const parked = await stores.parked.ofLogic(row.logic).read(place);
        if (parked !== null && parked.parts.length > 0) continue;
        const logic = (await stores.logics.read()).logic(merchant);
        const cells = logic.version === row.logic ? await differingCells(row, logic, stores.log, now) : null;
        if (cells === null) continue;
        progress(++sampled);
        if (cells.length === 0) continue;
        wrong.push({ merchant, t: iso(time * HOUR_MS), cells });
        if (given.repair === true && (await repair(place, { stores, now }))) repaired++;
      }
    });
  });
  const lines = wrong.map(({ merchant, t, cells }) => `${merchant} hour ${t}: wrong figures in ${cells.join(', ')}`);
  if (repaired > 0) lines.push(`${repaired} of them are computed again within two minutes`);
  return {
    json: { sampled, wrongFigures: wrong, refolded: repaired },
    text: lines.join('\n') || `${sampled} hours, folded again, are as they are stored`,
    found: wrong.length > 0,
  };
}

/** Draws that give an hour that was drawn before. */
const MAX_REPEATS = 200;

/** Each of a random merchant, and at a random place of its hours; none twice. */
async function* randomHours(stores: Stores, range: Range, wanted: number): AsyncGenerator<Rollup, void> {
  const merchants = await Array.fromAsync(merchantsOf(stores, range.merchant));
  const drawn = new Set<string>();
  for (let repeats = 0; merchants.length > 0 && drawn.size < wanted && repeats < MAX_REPEATS; ) {
    const merchant = merchants[Math.floor(Math.random() * merchants.length)]!;
    const row = await randomHour(stores, { ...range, merchant });
    const name = `${merchant}/${row?.time}`;
    if (row === null || drawn.has(name)) {
      repeats++;
      continue;
    }
    repeats = 0;
    drawn.add(name);
    yield row;
  }
}

async function randomHour({ rollups, logics }: Stores, { merchant, from, to }: Range & { merchant: MerchantId }) {
  const version = (await logics.read()).active(merchant);
  const firstFrom = async (hour: number): Promise<Rollup | null> => {
    for await (const row of rollups.scan(merchant, 'hour', version, hour, to, { kind: 'all' }, 1)) return row;
    return null;
  };
  const first = await firstFrom(from);
  if (first === null) return null;
  return (await firstFrom(first.time + Math.floor(Math.random() * (to - first.time)))) ?? first;
}
