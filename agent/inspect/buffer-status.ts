/** A buffer's facts for support: as JSON, and as a table. */
import type { BufferFacts, EpochHolding } from '../buffer/port.ts';

export interface BufferStatus extends Omit<BufferFacts, 'oldestPending' | 'epochs' | 'quarantine'> {
  /** RFC 3339: start of the hour of the oldest pending event. */
  readonly oldestPending: string | null;
  readonly epochs: readonly (EpochHolding & { readonly openedAt: string })[];
  readonly quarantine: readonly (Omit<BufferFacts['quarantine'][number], 'at'> & { readonly at: string })[];
}

const iso = (ms: number): string => new Date(ms).toISOString();

export const bufferStatus = (facts: BufferFacts): BufferStatus => ({
  ...facts,
  oldestPending: facts.oldestPending === null ? null : iso(facts.oldestPending),
  epochs: facts.epochs.map((epoch) => ({ ...epoch, openedAt: iso(epoch.openedAt) })),
  quarantine: facts.quarantine.map((event) => ({ ...event, at: iso(event.at) })),
});

const SHOWN_EPOCHS = 8;
const SHOWN_RANGES = 4;

const number = (value: number): string => value.toLocaleString('en');

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return 'just now';
  if (minutes < 120) return `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours ago` : `${Math.floor(hours / 24)} days ago`;
}

function ranges(pending: EpochHolding['pending']): string {
  if (pending.length === 0) return 'nothing pending';
  const shown = pending
    .slice(0, SHOWN_RANGES)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  const more = pending.length > SHOWN_RANGES ? ` and ${number(pending.length - SHOWN_RANGES)} more runs` : '';
  return `pending ${shown.join(', ')}${more}`;
}

/** @param now milliseconds since 1970 */
export function statusTable(path: string, maxBytes: number, facts: BufferFacts, now: number): string {
  const { pending, oldestPending, acked, quarantined, refs, refConflicts, usedBytes, fileBytes, walBytes } = facts;
  const oldest =
    oldestPending === null ? '' : `, the oldest of the hour from ${iso(oldestPending)} (${ago(now - oldestPending)})`;
  const rows: [string, string][] = [
    ['buffer', `${path} (schema ${facts.schema})`],
    ['terminal', `${facts.merchant}/${facts.terminal}`],
    ['pending', `${number(pending)} events${oldest}`],
    ['acknowledged', `${number(acked)} events, kept for support`],
    ['quarantined', `${number(quarantined)} events`],
    ['refs known', `${number(refs)}, of which ${number(refConflicts)} ever came again with other content`],
    [
      'size',
      `${size(usedBytes + walBytes)} of ${size(maxBytes)}: ${size(usedBytes)} in use in a file of ${size(fileBytes)}, log ${size(walBytes)}`,
    ],
  ];
  for (const { epoch, openedAt, lastSeq, pending: runs } of facts.epochs.slice(-SHOWN_EPOCHS)) {
    rows.push([`epoch ${epoch}`, `opened ${iso(openedAt)}, last seq ${number(lastSeq)}, ${ranges(runs)}`]);
  }
  if (facts.epochs.length > SHOWN_EPOCHS) rows.push(['older epochs', number(facts.epochs.length - SHOWN_EPOCHS)]);
  for (const { stream, seq, reason, at } of facts.quarantine)
    rows.push([`quarantined ${iso(at)}`, `${stream} seq ${number(seq)}: ${reason}`]);
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('');
}
