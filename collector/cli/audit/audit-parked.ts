/** `audit --parked`: the hours and days that roll-ups left out. */

import { merchantId } from '../../../shared/ids.ts';
import { DAY_MS, HOUR_MS } from '../../../shared/time.ts';
import { FIRST_LOGIC } from '../../aggregation/logic/logic-version.ts';
import type { ParkedRecord, ParkReason } from '../../store/parked-hours.ts';
import { boundary, type CommandContext, END_HOUR, type Printed, parsed, withStore } from '../command.ts';

const LENGTH_MS = { hour: HOUR_MS, day: DAY_MS } as const;
const MEANING: Readonly<Record<ParkReason, string>> = {
  cost: 'costs too much',
  unreadable: 'cannot be read',
  crash: 'runs ended without a result',
};

const iso = (ms: number): string => new Date(ms).toISOString();

/** One entry a terminal, or an hour or day as a whole (terminal null). */
const entriesOf = ({ merchant, level, time, parts, logic }: ParkedRecord & { readonly logic: number }) =>
  parts.map(({ terminal, reason, detail, attempts, since, retryAt }) => ({
    ...{ merchant, level, t: iso(time * LENGTH_MS[level]), terminal, reason, detail, attempts },
    ...{ since: iso(since), retryAt: iso(retryAt), logic },
  }));

export async function auditParked(context: CommandContext): Promise<Printed> {
  const { given } = context;
  const merchant = given.merchant === undefined ? null : parsed(given, 'merchant', merchantId);
  const [from, to] = [boundary(given, 'from', 0), boundary(given, 'to', END_HOUR)];
  const isAsked = (record: ParkedRecord): boolean => {
    const start = (record.time * LENGTH_MS[record.level]) / HOUR_MS;
    return (merchant === null || record.merchant === merchant) && start >= Math.floor(from) && start < to;
  };
  const parked = await withStore(context, async (stores) => {
    const found = [];
    for await (const record of stores.parked.list()) if (isAsked(record)) found.push(...entriesOf(record));
    return found;
  });
  const lines = parked.map(
    ({ merchant, level, t, terminal, reason, detail, retryAt, logic }) =>
      `${merchant} ${level} ${t} ${terminal ?? '(all terminals)'}${logic === FIRST_LOGIC ? '' : ` by logic version ${logic}`}: ${MEANING[reason]}; next try ${retryAt}\n  ${detail}`,
  );
  return { json: { parked }, text: lines.join('\n') || 'nothing is parked', found: parked.length > 0 };
}
