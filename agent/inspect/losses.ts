/** `losses`: the ledger of what was given up. */
import { redact } from '../../shared/event/card-data/card-data.ts';
import type { BufferReader, StoredLoss } from '../port/buffer-reader.ts';
import { allLosses } from './facts/paging.ts';
import type { CliOutput } from './terminal/cli-output.ts';
import { count, instant, iso } from './terminal/format.ts';
import { printable, table } from './terminal/table.ts';

export interface LossView {
  readonly stream: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
  /** RFC 3339: start of the hour of the events. */
  readonly hour: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly at: string;
  readonly detail: string | null;
  /** Whether the collector has the record. */
  readonly sent: boolean;
  /** Whether the record is what was written. */
  readonly sound: boolean;
}

export const lossView = ({
  stream,
  firstSeq,
  count,
  hour,
  reason,
  at,
  detail,
  acked,
  sound,
}: StoredLoss): LossView => ({
  stream,
  firstSeq,
  lastSeq: firstSeq + count - 1,
  count,
  hour: iso(hour),
  reason,
  at: iso(at),
  detail: detail === null ? null : redact(detail),
  sent: acked,
  sound,
});

export const seqs = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`);

/** @returns whether the ledger could be read as it was written */
export async function showLosses(reader: BufferReader, json: boolean, screen: CliOutput): Promise<boolean> {
  const losses: LossView[] = [];
  for await (const loss of allLosses(reader)) losses.push(lossView(loss));
  const events = losses.reduce((sum, loss) => sum + loss.count, 0);
  const unsent = losses.filter(({ sent }) => !sent).length;
  const damage = reader.fault === null ? [] : [reader.fault];
  const isWhole = damage.length === 0;
  if (json) {
    await screen.result(`${JSON.stringify({ losses, events, records: losses.length, unsent, damage })}\n`);
    return isWhole;
  }
  const { paint } = screen;
  for (const words of damage) screen.message(paint.bad(printable(words)));
  if (losses.length === 0) {
    screen.message(isWhole ? 'Nothing was given up.' : 'No record of the ledger can be read: it may have held some.');
    return isWhole;
  }
  const rows = losses.map((loss) => [
    instant(Date.parse(loss.at)),
    paint.bad(printable(loss.reason)),
    String(loss.count),
    printable(loss.stream),
    seqs(loss.firstSeq, loss.lastSeq),
    instant(Date.parse(loss.hour)).slice(0, 16),
    loss.sent ? 'yes' : paint.warn('no'),
    printable(loss.sound ? (loss.detail ?? '') : 'the record is not what was written'),
  ]);
  await screen.result(
    table(
      [
        { title: 'GIVEN UP' },
        { title: 'WHY' },
        { title: 'EVENTS', align: 'right' },
        { title: 'STREAM' },
        { title: 'SEQS', align: 'right' },
        { title: 'OF THE HOUR' },
        { title: 'SENT' },
        { title: 'DETAIL' },
      ],
      rows,
      paint,
    ),
  );
  const told = `${count(events, 'event')} given up in ${count(losses.length, 'record')}, ${unsent} not sent yet`;
  screen.message(isWhole ? `${told}.` : `${told}: by the records that can be read.`);
  return isWhole;
}
