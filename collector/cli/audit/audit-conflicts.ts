/**
 * `audit --conflicts`: the seqs that a till has sent with different contents, and the rows that may
 * say so but cannot be read.
 */
import { Buffer } from 'node:buffer';
import { merchantId, streamId } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import type { RawRow } from '../../store/event-log.ts';
import { checkLayout } from '../../store/initialize-store.ts';
import { boundary, type CommandContext, END_HOUR, type Printed, parsed, withStore } from '../command.ts';
import { type Claim, type Conflict, conflictsOf } from './conflicts.ts';

/** More are counted and not listed. */
const MAX_LISTED = 10_000;
/** Rows between two lines of progress: some seconds. */
const ROWS_PER_LINE = 200_000;

export async function auditConflicts(context: CommandContext): Promise<Printed> {
  const { given, progress = () => undefined } = context;
  const merchant = given.merchant === undefined ? null : parsed(given, 'merchant', merchantId);
  const from = Math.floor(boundary(given, 'from', 0));
  const to = Math.ceil(boundary(given, 'to', END_HOUR));
  const listed: Conflict[] = [];
  const unreadable: Unreadable[] = [];
  let conflicts = 0;
  let damaged = 0;
  await withStore(context, async ({ log, control }) => {
    await checkLayout(control);
    let rows = 0;
    const watched = async function* (of: AsyncIterable<RawRow>): AsyncGenerator<RawRow, void> {
      for await (const row of of) {
        if (++rows % ROWS_PER_LINE === 0) progress(`conflicts: ${rows} rows read, now of ${row.key.merchant}`);
        yield row;
      }
    };
    for await (const one of merchant === null ? log.merchants() : [merchant]) {
      const keys = watched(log.scan(one, from, to, { keysOnly: true }));
      const onUnreadable = (row: RawRow, { message }: Error): void => {
        if (++damaged <= MAX_LISTED) unreadable.push(unreadableOf(row, message));
      };
      for await (const conflict of conflictsOf(log, keys, onUnreadable))
        if (++conflicts <= MAX_LISTED) listed.push(conflict);
    }
  });
  const lines = [...listed.map(lineOf), ...unreadable.map(unreadableLineOf)];
  const more = conflicts - listed.length + damaged - unreadable.length;
  if (more > 0) lines.push(`… and ${more} more: narrow it with --merchant, --from, --to`);
  return {
    json: {
      ...{ conflicts: listed.map(entryOf), conflictsNotListed: conflicts - listed.length },
      ...{ unreadable, unreadableNotListed: damaged - unreadable.length },
    },
    text: lines.join('\n') || 'no seq is claimed with different contents',
    found: conflicts > 0 || damaged > 0,
  };
}

interface Unreadable {
  readonly merchant: string;
  readonly terminal: string;
  readonly stream: string;
  readonly hour: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly rowKey: string;
  /** For people. */
  readonly detail: string;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const claimOf = ({ rowKey, arrival }: Claim) => ({ arrival: iso(arrival), rowKey });

const entryOf = ({ merchant, terminal, epoch, hour, firstSeq, lastSeq, counts, other }: Conflict) => ({
  ...{ merchant, terminal, stream: streamId(terminal, epoch), hour: iso(hour * HOUR_MS), firstSeq, lastSeq },
  ...{ counts: claimOf(counts), other: claimOf(other) },
});

function lineOf(conflict: Conflict): string {
  const { merchant, stream, hour, firstSeq, lastSeq, counts, other } = entryOf(conflict);
  return (
    `${merchant} ${stream} seqs ${firstSeq} to ${lastSeq}, hour ${hour}: ` +
    `what arrived ${counts.arrival} counts, what arrived ${other.arrival} does not`
  );
}

function unreadableOf({ key, rowKey }: RawRow, detail: string): Unreadable {
  const { merchant, terminal, epoch, hour, firstSeq, count } = key;
  return {
    ...{ merchant, terminal, stream: streamId(terminal, epoch), hour: iso(hour * HOUR_MS) },
    ...{ firstSeq, lastSeq: firstSeq + count - 1, rowKey: Buffer.from(rowKey).toString('hex'), detail },
  };
}

const unreadableLineOf = ({ merchant, stream, firstSeq, lastSeq, hour, detail }: Unreadable): string =>
  `${merchant} ${stream} seqs ${firstSeq} to ${lastSeq}, hour ${hour}: ${detail}`;
