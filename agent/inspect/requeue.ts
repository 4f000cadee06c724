/** `requeue`: shows the result of making quarantined events pending again. */

import type { CliOutput } from './terminal/cli-output.ts';
import { count } from './terminal/format.ts';
import { printable } from './terminal/table.ts';

export interface RequeueOutcome {
  readonly requeued: number;
  /** Left in quarantine, because they would count twice. */
  readonly duplicates: number;
  /**
   * Rows that fail their checksum and cannot be sent, and named duplicates, which would count
   * twice.
   */
  readonly refused: readonly { readonly stream: string; readonly seq: number; readonly fault: string }[];
  readonly dryRun: boolean;
}

/** @returns whether everything that was named is requeued */
export async function showRequeue(outcome: RequeueOutcome, json: boolean, output: CliOutput): Promise<boolean> {
  const { requeued, duplicates, refused, dryRun } = outcome;
  if (json) await output.result(`${JSON.stringify(outcome)}\n`);
  else {
    await output.result(
      requeued === 0
        ? `No event ${dryRun ? 'would be' : 'was'} requeued.\n`
        : `${count(requeued, 'event')} ${dryRun ? 'would be requeued' : requeued === 1 ? 'is pending again' : 'are pending again'}.\n`,
    );
    if (duplicates > 0)
      output.message(`Not requeued: ${count(duplicates, 'duplicate')}, which would be counted twice.`);
    for (const { stream, seq, fault } of refused)
      output.message(output.colors.bad(printable(`${stream} seq ${seq} was not requeued: ${fault}`)));
  }
  return refused.length === 0;
}
