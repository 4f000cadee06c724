/** `requeue`: what became of quarantined events that are offered again. */

import type { CliOutput } from './terminal/cli-output.ts';
import { count } from './terminal/format.ts';
import { printable } from './terminal/table.ts';

export interface RequeueOutcome {
  readonly requeued: number;
  /** Left as they are: they would count twice. */
  readonly duplicates: number;
  /** Rows that are not what was written, which cannot be sent, and duplicates that are named, which would count twice. */
  readonly refused: readonly { readonly stream: string; readonly seq: number; readonly fault: string }[];
  readonly dryRun: boolean;
}

/** @returns whether all that was named is requeued */
export async function showRequeue(outcome: RequeueOutcome, json: boolean, screen: CliOutput): Promise<boolean> {
  const { requeued, duplicates, refused, dryRun } = outcome;
  if (json) await screen.result(`${JSON.stringify(outcome)}\n`);
  else {
    await screen.result(
      requeued === 0
        ? 'No event is requeued.\n'
        : `${count(requeued, 'event')} ${dryRun ? 'would wait' : requeued === 1 ? 'waits' : 'wait'} for the collector again.\n`,
    );
    if (duplicates > 0) screen.message(`Left out: ${count(duplicates, 'duplicate')}, which would count twice.`);
    for (const { stream, seq, fault } of refused)
      screen.message(screen.paint.bad(printable(`${stream} seq ${seq} stays where it is: ${fault}`)));
  }
  return refused.length === 0;
}
