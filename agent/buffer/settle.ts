/**
 * Applies what the collector said of events and loss records: at once where there is room, else in
 * bounded transactions.
 */
import type { EventClock } from '../port/event-clock.ts';
import type { Settlement } from '../port/outbox.ts';
import type { BufferState } from './buffer-state.ts';
import type { BoundedTransactions } from './capacity/bounded-transactions.ts';
import { isFull } from './disk/buffer-error.ts';
import type { LossLedger } from './tables/loss-ledger.ts';
import type { ChangeSet } from './transaction/changeset.ts';
import type { StateTransitions } from './transaction/state-transitions.ts';

export class Settle {
  readonly #bounded: BoundedTransactions;
  readonly #transitions: StateTransitions;
  readonly #losses: LossLedger;
  readonly #state: BufferState;
  readonly #clock: EventClock;

  constructor(
    bounded: BoundedTransactions,
    transitions: StateTransitions,
    losses: LossLedger,
    state: BufferState,
    clock: EventClock,
  ) {
    this.#bounded = bounded;
    this.#transitions = transitions;
    this.#losses = losses;
    this.#state = state;
    this.#clock = clock;
  }

  /** See `Outbox.settle`. */
  async run(settlements: readonly Settlement[]): Promise<void> {
    try {
      return await this.#bounded.runOnce(eventsOf(settlements), (changes) => this.#apply(settlements, changes));
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    for (let left = settlements; left.length > 0; ) {
      const portioned = left;
      left = await this.#bounded.runBounded((changes, rows) => {
        const { first, rest } = split(portioned, rows);
        this.#apply(first, changes);
        return rest;
      });
    }
  }

  #apply(settlements: readonly Settlement[], changes: ChangeSet): void {
    const { epochs } = this.#state;
    for (const settlement of settlements) {
      switch (settlement.kind) {
        case 'stored':
          this.#transitions.ack(epochs.idsOf(settlement), changes);
          break;
        case 'quarantined':
          this.#transitions.quarantine(epochs.idsOf(settlement), settlement.reason, changes);
          break;
        case 'loss-stored':
          changes.losses.unsent -= this.#losses.acknowledge(settlement.id, this.#clock.now());
          break;
      }
    }
  }
}

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
