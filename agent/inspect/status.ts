/** `status`: facts of a buffer, as JSON and as a table. */
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
  if (pending.length === 0) return 'nothing pending';
  const shown = pending.slice(0, SHOWN_RANGES).map(([first, last]) => seqs(first, last));
  const more = pending.length > SHOWN_RANGES ? ` and ${number(pending.length - SHOWN_RANGES)} more ranges` : '';
  return `${shown.join(', ')}${more} pending`;
}

const LEVEL_MARK = { good: '●', warn: '▲', bad: '■' } as const;

function head(live: LiveStatus | null, colors: Colors): string {
  if (live === null) return '';
  const { level, title, words: sentences } = live.state;
  return `${colors[level](`${LEVEL_MARK[level]} ${colors.strong(title)}`)}\n${sentences.map((line) => `  ${printable(line)}\n`).join('')}\n`;
}

export interface StatusFacts {
  readonly path: string;
  /** Null without a configuration. */
  readonly maxBytes: number | null;
  readonly facts: BufferStats;
  /** Null when no agent answers, or none was asked. */
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

export function statusTable({ path, maxBytes, facts, live, asked, now }: StatusFacts, colors: Colors): string {
  const { pending, oldestPending, acked, quarantined, losses, refs, refConflicts } = facts;
  const { usedBytes, fileBytes, walBytes } = facts;
  const of = maxBytes === null ? '' : ` of ${size(maxBytes)}`;
  const rows: [string, string][] = [['terminal', `${facts.merchant}/${facts.terminal}`]];
  if (live !== null)
    rows.push(['agent', `runs since ${instant(Date.parse(live.startedAt))}, version ${printable(live.version)}`]);
  else if (asked) rows.push(['agent', colors.warn('does not answer: these facts are from its file alone')]);
  rows.push(
    ['pending', pending === 0 ? '0 events' : colors.strong(count(pending, 'event'))],
    [
      'oldest pending',
      oldestPending === null
        ? ''
        : `in the hour from ${instant(oldestPending).slice(0, 16)}Z, ${hourAgo(now - oldestPending)}`,
    ],
    ['acknowledged', `${count(acked, 'event')}, kept for support`],
    [
      'quarantined',
      quarantined === 0
        ? '0 events'
        : colors.bad(`${count(quarantined, 'event')}; show them with: peek --state quarantined`),
    ],
    [
      'lost',
      losses.events === 0
        ? '0 events'
        : colors.bad(
            `${count(losses.events, 'event')} in ${count(losses.records, 'record')}, ${number(losses.unsent)} not reported yet; show them with: losses`,
          ),
    ],
    [
      'size',
      `${size(usedBytes + walBytes)}${of}: ${size(usedBytes)} in use in a file of ${size(fileBytes)}, WAL ${size(walBytes)}`,
    ],
  );
  if (live !== null) rows.push(['full in', fullIn(live)]);
  rows.push(
    ['known refs', `${number(refs)}; ${count(refConflicts, 'conflict')} (same ref with other content)`],
    ['buffer', `${path} (schema ${facts.schema})`],
  );
  if (facts.salvage !== null) rows.push(['recovery', colors.warn(printable(facts.salvage))]);
  const older = facts.epochs.length - SHOWN_EPOCHS;
  if (older > 0) rows.push(['older epochs', number(older)]);
  for (const { epoch, openedAt, lastSeq, pending: runs } of facts.epochs.slice(-SHOWN_EPOCHS))
    rows.push([`epoch ${epoch}`, `opened ${instant(openedAt)}, last seq ${number(lastSeq)}, ${ranges(runs)}`]);
  return (
    head(live, colors) +
    list(
      rows.filter(([, value]) => value !== ''),
      colors,
    )
  );
}
