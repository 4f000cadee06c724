/**
 * What a collector leaves undone while its machine's clock cannot be trusted: it takes nothing from
 * tills, tells them no time, and makes and processes no due marks. A time that is wrong would go
 * into the minutes of marks, into figures, and into the clocks of the tills.
 */
import type { Inbox } from '../broker/port.ts';
import { retryAfterMs } from '../ingest/backpressure.ts';
import { readName } from '../ingest/decode-batch.ts';
import type { IngestStores } from '../ingest/ingest.ts';
import type { IngestMetrics } from '../ingest/metrics.ts';
import { StoreUnavailable } from '../store/tables.ts';

/** Why the clock cannot be trusted; null: it can. */
export type ClockProblem = () => string | null;

export interface InboxGuardOptions {
  readonly problem: ClockProblem;
  readonly random: () => number;
  readonly metrics: Pick<IngestMetrics, 'acked'>;
}

/** Batches are answered `busy` with the reason; statuses, which would be stored, are dropped. */
export function guardInbox(inbox: Inbox, { problem, random, metrics }: InboxGuardOptions): Inbox {
  return {
    async onBatch(sender, bytes) {
      const reason = problem();
      if (reason === null) return inbox.onBatch(sender, bytes);
      metrics.acked('busy');
      const waitMs = retryAfterMs(Number.POSITIVE_INFINITY, random());
      return { ...readName(sender, bytes).name, result: 'busy', reason, retryAfterMs: waitMs };
    },
    onStatus: async (sender, bytes) => (problem() === null ? inbox.onStatus(sender, bytes) : null),
    credit: (sender) => inbox.credit(sender),
  };
}

/** For batches that were taken before the clock was set. */
export const guardMarks = (marks: IngestStores['marks'], problem: ClockProblem): IngestStores['marks'] => ({
  async add(added) {
    refuse(problem);
    await marks.add(added);
  },
});

/** @returns a clock that throws StoreUnavailable while it cannot be trusted */
export const trustedNow = (now: () => number, problem: ClockProblem) => (): number => {
  refuse(problem);
  return now();
};

function refuse(problem: ClockProblem): void {
  const reason = problem();
  if (reason !== null) throw new StoreUnavailable(reason);
}
