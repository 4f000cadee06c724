/** A buffer's facts for support: as JSON, and as a table. */
import { redact } from '../../shared/event/card-data/card-data.ts';
import type { BufferStats } from '../port/buffer-reader.ts';
import type { EpochHolding } from '../port/outbox.ts';
import type { LiveStatus } from './facts/live-agent.ts';
import { seqs } from './losses.ts';
import type { Colors } from './terminal/colors.ts';
import { count, hourAgo, instant, iso, number, size } from './terminal/format.ts';
import { formatTimeToFull, notFilling } from './terminal/format-time-to-full.ts';
import { list, printable } from './terminal/table.ts';

export interface BufferStatus extends Omit<BufferStats, 'oldestPending' | 'epochs' | 'quarantine'> {
  /** RFC 3339: start of the hour of the oldest pending event. */
  readonly oldestPending: string | null;
  readonly epochs: readonly (EpochHolding & { readonly openedAt: string })[];
  readonly quarantine: readonly (Omit<BufferStats['quarantine'][number], 'at'> & { readonly at: string })[];
}

export const bufferStatus = (facts: BufferStats): BufferStatus => ({
  ...facts,
  oldestPending: facts.oldestPending === null ? null : iso(facts.oldestPending),
  epochs: facts.epochs.map((epoch) => ({ ...epoch, openedAt: iso(epoch.openedAt) })),
  quarantine: facts.quarantine.map((event) => ({ ...event, reason: redact(event.reason), at: iso(event.at) })),
});

const SHOWN_EPOCHS = 8;
const SHOWN_RANGES = 4;

function ranges(pending: EpochHolding['pending']): string {
  if (pending.length === 0) return 'nothing waits';
  const shown = pending.slice(0, SHOWN_RANGES).map(([first, last]) => seqs(first, last));
  const more = pending.length > SHOWN_RANGES ? ` and ${number(pending.length - SHOWN_RANGES)} more runs` : '';
  return `${shown.join(', ')}${more} ${pending.length === 1 && pending[0]![0] === pending[0]![1] ? 'waits' : 'wait'}`;
}

const LEVEL_MARK = { good: '●', warn: '▲', bad: '■' } as const;

function head(live: LiveStatus | null, paint: Colors): string {
  if (live === null) return '';
  const { level, title, words } = live.state;
  return `${paint[level](`${LEVEL_MARK[level]} ${paint.strong(title)}`)}\n${words.map((line) => `  ${printable(line)}\n`).join('')}\n`;
}

export interface StatusFacts {
  readonly path: string;
  /** Null: looked at without a configuration. */
  readonly maxBytes: number | null;
  readonly facts: BufferStats;
  /** Null: no agent answers, or none was asked. */
  readonly live: LiveStatus | null;
  /** Whether an agent was asked. */
  readonly asked: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const fullIn = ({ buffer: { hoursUntilFull: hours }, shipping }: LiveStatus): string =>
  hours === null || hours === undefined
    ? notFilling(shipping.connected)
    : hours <= 0
      ? 'now: no room left'
      : `about ${formatTimeToFull(hours)} at today's rate`;

export function statusTable({ path, maxBytes, facts, live, asked, now }: StatusFacts, paint: Colors): string {
  const { pending, oldestPending, acked, quarantined, losses, refs, refConflicts } = facts;
  const { usedBytes, fileBytes, walBytes } = facts;
  const of = maxBytes === null ? '' : ` of ${size(maxBytes)}`;
  const rows: [string, string][] = [['terminal', `${facts.merchant}/${facts.terminal}`]];
  if (live !== null)
    rows.push(['agent', `runs since ${instant(Date.parse(live.startedAt))}, version ${printable(live.version)}`]);
  else if (asked) rows.push(['agent', paint.warn('does not answer: what follows is from its file alone')]);
  rows.push(
    ['waiting', pending === 0 ? '0 events' : paint.strong(count(pending, 'event'))],
    [
      'oldest waiting',
      oldestPending === null
        ? ''
        : `of the hour from ${instant(oldestPending).slice(0, 16)}Z, ${hourAgo(now - oldestPending)}`,
    ],
    ['acknowledged', `${count(acked, 'event')}, kept for support`],
    [
      'quarantined',
      quarantined === 0 ? '0 events' : paint.bad(`${count(quarantined, 'event')}: peek --state quarantined shows them`),
    ],
    [
      'given up',
      losses.events === 0
        ? '0 events'
        : paint.bad(
            `${count(losses.events, 'event')} in ${count(losses.records, 'record')}, ${number(losses.unsent)} not sent yet: losses shows them`,
          ),
    ],
    [
      'size',
      `${size(usedBytes + walBytes)}${of}: ${size(usedBytes)} in use in a file of ${size(fileBytes)}, log ${size(walBytes)}`,
    ],
  );
  if (live !== null) rows.push(['full in', fullIn(live)]);
  rows.push(
    ['refs known', `${number(refs)}, of which ${number(refConflicts)} ever came again with other content`],
    ['buffer', `${path} (schema ${facts.schema})`],
  );
  if (facts.salvage !== null) rows.push(['being salvaged', paint.warn(printable(facts.salvage))]);
  const older = facts.epochs.length - SHOWN_EPOCHS;
  if (older > 0) rows.push(['older epochs', number(older)]);
  for (const { epoch, openedAt, lastSeq, pending: runs } of facts.epochs.slice(-SHOWN_EPOCHS))
    rows.push([`epoch ${epoch}`, `opened ${instant(openedAt)}, last seq ${number(lastSeq)}, ${ranges(runs)}`]);
  return (
    head(live, paint) +
    list(
      rows.filter(([, value]) => value !== ''),
      paint,
    )
  );
}
