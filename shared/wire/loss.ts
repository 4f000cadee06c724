/**
 * Body of a batch of losses: `[reason, at, detail | nil]`. The header's firstSeq and count say
 * which seqs are lost.
 */

export interface Loss {
  /** Why: `evicted`, `quarantined`, `unreadable`, …; 1 to 64 characters. */
  readonly reason: string;
  /** When it was lost by the agent's clock, milliseconds since 1970. */
  readonly at: number;
  /**
   * Only the first 1,024 characters are sent: a loss record must not fail because of a long
   * message.
   */
  readonly detail: string | null;
}

/**
 * Seqs of one loss record. Agents begin another record, collectors refuse a larger one. 4,660 lost
 * events a second for the hour that a record is of.
 */
export const MAX_LOSS_SEQS = 2 ** 24;

const MAX_REASON = 64;
const MAX_DETAIL = 1_024;
/** The last instant that Date and Temporal can represent, milliseconds since 1970. */
const LAST_INSTANT = 8.64e15;

export const lossBody = ({ reason, at, detail }: Loss): unknown[] => [
  reason,
  at,
  detail === null ? null : detail.slice(0, MAX_DETAIL).toWellFormed(),
];

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length <= maxLength && value.isWellFormed();

const isInstant = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LAST_INSTANT;

/** Null when the body is not a loss. */
export function readLoss(body: unknown): Loss | null {
  const [reason, at, detail] = Array.isArray(body) ? (body as unknown[]) : [];
  if (!isText(reason, MAX_REASON) || reason === '' || !isInstant(at)) return null;
  return detail === null || isText(detail, MAX_DETAIL) ? { reason, at: at + 0, detail } : null;
}
