/** Describes the accounts of a buffer for support: totals, and each problem as a message. */
import { type StreamId, streamId, type TerminalId } from '../../../shared/ids.ts';
import { countOf, type Ranges } from '../../../shared/seq-ranges.ts';
import type { BufferAccount } from '../../port/buffer-reader.ts';
import type { SeqRange } from '../../port/outbox.ts';
import type { Accounts, EpochAccount } from './seq-accounting.ts';

type Counted = 'pending' | 'acked' | 'quarantined' | 'gone' | 'lost' | 'damaged' | 'unaccounted';

function seqs(stream: StreamId, count: number, first: Ranges): string {
  const named = first.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  const more = count - countOf(first);
  return `${stream} seq ${named}${more > 0 ? ` and ${more} more` : ''}`;
}

function problemsOf(stream: StreamId, account: EpochAccount): string[] {
  const { damaged, damagedSeqs, unaccounted, unaccountedSeqs, unrecorded } = account;
  const problems: string[] = [];
  if (damaged > 0) problems.push(`${seqs(stream, damaged, damagedSeqs)}: damaged, or cannot be read`);
  if (unaccounted > 0) {
    problems.push(
      `${seqs(stream, unaccounted, unaccountedSeqs)}: not accounted for: neither an event, nor acknowledged, nor in the ledger`,
    );
  }
  if (unrecorded > 0) problems.push(`${stream}: ${unrecorded} quarantined events are not in the ledger`);
  return problems;
}

/** @param missing seqs that the side file knows and the database does not: see `missingSeqs` */
export function describeAccounts(
  { epochs, strays, losses, damagedLosses }: Accounts,
  missing: readonly SeqRange[],
  terminal: TerminalId,
): BufferAccount {
  const sum = (what: Counted): number => epochs.reduce((all, account) => all + account[what], 0);
  return {
    pending: sum('pending'),
    acked: sum('acked'),
    quarantined: sum('quarantined'),
    gone: sum('gone'),
    lost: sum('lost'),
    losses,
    damaged: sum('damaged'),
    unaccounted: sum('unaccounted') + missing.reduce((all, { firstSeq, lastSeq }) => all + lastSeq - firstSeq + 1, 0),
    problems: [
      ...epochs.flatMap((account) => problemsOf(streamId(terminal, account.epoch), account)),
      ...missing.map(
        ({ epoch, firstSeq, lastSeq }) =>
          `${seqs(streamId(terminal, epoch), lastSeq - firstSeq + 1, [[firstSeq, lastSeq]])}: recorded by the side file (.seq), but not in the database: its WAL was lost, or it is an older copy`,
      ),
      ...(strays === 0 ? [] : [`${strays} rows belong to no epoch of this buffer`]),
      ...(damagedLosses.length === 0 ? [] : [`damaged records of the ledger: ${damagedLosses.join(', ')}`]),
    ],
  };
}
