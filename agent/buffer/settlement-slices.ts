/** Settlements in portions that need little room each: no two of them depend on one another. */
import type { Settlement } from '../port/outbox.ts';

/** How many events one names. */
const size = (one: Settlement): number => (one.kind === 'loss-stored' ? 1 : one.lastSeq - one.firstSeq + 1);

/** How many events they name. */
export const eventsOf = (settlements: readonly Settlement[]): number =>
  settlements.reduce((sum, one) => sum + size(one), 0);

export interface Split {
  readonly first: readonly Settlement[];
  readonly rest: readonly Settlement[];
}

/** @param limit events that the first portion names at most, at least 1 */
export function split(settlements: readonly Settlement[], limit: number): Split {
  let room = limit;
  const at = settlements.findIndex((one) => {
    if (size(one) > room) return true;
    room -= size(one);
    return false;
  });
  if (at < 0) return { first: settlements, rest: [] };
  const [first, rest] = [settlements.slice(0, at), settlements.slice(at + 1)];
  const cut = settlements[at]!;
  if (room === 0 || cut.kind === 'loss-stored') return { first, rest: [cut, ...rest] };
  const lastSeq = cut.firstSeq + room - 1;
  return { first: [...first, { ...cut, lastSeq }], rest: [{ ...cut, firstSeq: lastSeq + 1 }, ...rest] };
}
