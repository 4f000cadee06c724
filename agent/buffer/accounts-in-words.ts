/** What is wrong with the accounts of a buffer, in words for support. */
import { type StreamId, streamId, type TerminalId } from '../../shared/ids.ts';
import type { Accounts, EpochAccount } from './accounting.ts';
import type { Ranges } from './seq-ranges.ts';

function seqs(stream: StreamId, count: number, first: Ranges): string {
  const named = first.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  const size = first.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return `${stream} seq ${named}${size < count ? ` and ${count - size} more` : ''}`;
}

function faultsOf(stream: StreamId, account: EpochAccount): string[] {
  const { damaged, damagedSeqs, unaccounted, unaccountedSeqs, unrecorded } = account;
  const faults: string[] = [];
  if (damaged > 0) faults.push(`${seqs(stream, damaged, damagedSeqs)}: not what was written, or cannot be read`);
  if (unaccounted > 0)
    faults.push(
      `${seqs(stream, unaccounted, unaccountedSeqs)}: not accounted for: neither an event, nor acknowledged, nor in the ledger`,
    );
  if (unrecorded > 0) faults.push(`${stream}: ${unrecorded} quarantined events are not in the ledger`);
  return faults;
}

/** None when the accounts are sound. */
export function accountFaults(terminal: TerminalId, { epochs, strays, damagedLosses }: Accounts): string[] {
  const faults = epochs.flatMap((account) => faultsOf(streamId(terminal, account.epoch), account));
  if (strays > 0) faults.push(`${strays} rows belong to no epoch of this buffer`);
  if (damagedLosses.length > 0)
    faults.push(`records of the ledger that are not what was written: ${damagedLosses.join(', ')}`);
  return faults;
}
