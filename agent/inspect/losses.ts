/** `losses`: shows the loss ledger. */
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
  /** Whether the record matches its checksum. */
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

/** @returns whether the whole ledger could be read */
export async function showLosses(reader: BufferReader, json: boolean, output: CliOutput): Promise<boolean> {
  const losses: LossView[] = [];
  for await (const loss of allLosses(reader)) losses.push(lossView(loss));
  const events = losses.reduce((sum, loss) => sum + loss.count, 0);
  const unsent = losses.filter(({ sent }) => !sent).length;
  const damage = reader.fault === null ? [] : [reader.fault];
  const isWhole = damage.length === 0;
  if (json) {
    await output.result(`${JSON.stringify({ losses, events, records: losses.length, unsent, damage })}\n`);
    return isWhole;
  }
  const { colors } = output;
  for (const message of damage) output.message(colors.bad(printable(message)));
  if (losses.length === 0) {
    output.message(isWhole ? 'Nothing was lost.' : 'No loss record can be read; there may have been some.');
    return isWhole;
  }
  const rows = losses.map((loss) => [
    instant(Date.parse(loss.at)),
    colors.bad(printable(loss.reason)),
    String(loss.count),
    printable(loss.stream),
    seqs(loss.firstSeq, loss.lastSeq),
    instant(Date.parse(loss.hour)).slice(0, 16),
    loss.sent ? 'yes' : colors.warn('no'),
    printable(loss.sound ? (loss.detail ?? '') : 'the record does not match its checksum'),
  ]);
  await output.result(
    table(
      [
        { title: 'RECORDED' },
        { title: 'REASON' },
        { title: 'EVENTS', align: 'right' },
        { title: 'STREAM' },
        { title: 'SEQS', align: 'right' },
        { title: 'HOUR' },
        { title: 'REPORTED' },
        { title: 'DETAIL' },
      ],
      rows,
      colors,
    ),
  );
  const summary = `${count(events, 'event')} lost in ${count(losses.length, 'record')}, ${unsent} not reported yet`;
  output.message(isWhole ? `${summary}.` : `${summary}, according to the records that can be read.`);
  return isWhole;
}
