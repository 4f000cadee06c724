/** Tells the cut of an idle connection, which is no failure of the collector, from other ends. */
import { NoAnswer } from '../line/answer-timeout.ts';
import type { Session } from './mqtt-session.ts';

/** With less time without traffic, the end has another cause. */
const IDLE_MS = 15_000;

/**
 * Time without traffic after which the path cut a session that was shipping, milliseconds; null
 * when it ended otherwise. A path that drops an idle connection in silence shows by no answer to
 * the first packet after it.
 *
 * @param inFlight batches
 */
export function idleCut(
  { traffic, aborted }: Pick<Session, 'traffic' | 'aborted'>,
  inFlight: number,
  reason: unknown,
): number | null {
  const isSilent = reason instanceof NoAnswer;
  if (!isSilent && (aborted || inFlight > 0)) return null;
  const idleMs = isSilent ? traffic.idleBeforeSilenceMs : traffic.idleMs;
  return idleMs >= IDLE_MS ? idleMs : null;
}
