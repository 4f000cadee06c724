/** Takes up what the collector said of events and loss records: at once where there is room, else in portions. */

import type { Settlement } from '../port/outbox.ts';
import type { Portions } from './capacity/bounded-transactions.ts';
import { isFull } from './disk/buffer-error.ts';
import type { EpochIndex } from './tables/epochs.ts';
import type { Losses } from './tables/loss-ledger.ts';
import type { Draft } from './transaction/changeset.ts';
import type { Departures } from './transaction/state-transitions.ts';

export interface SettlingParts {
  readonly portions: Pick<Portions, 'whole' | 'transact'>;
  readonly departures: Pick<Departures, 'acked' | 'quarantined'>;
  readonly losses: Pick<Losses, 'acked'>;
  readonly epochs: () => EpochIndex;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Settling {
  readonly #with: SettlingParts;

  constructor(parts: SettlingParts) {
    this.#with = parts;
  }

  /** See `Outbox.settle`. */
  async settle(settlements: readonly Settlement[]): Promise<void> {
    const { portions } = this.#with;
    try {
      return await portions.whole(eventsOf(settlements), (draft) => this.#settle(settlements, draft));
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    for (let left = settlements; left.length > 0; ) {
      const portioned = left;
      left = await portions.transact((draft, rows) => {
        const { first, rest } = split(portioned, rows);
        this.#settle(first, draft);
        return rest;
      });
    }
  }

  #settle(settlements: readonly Settlement[], draft: Draft): void {
    const { departures, losses, epochs, now } = this.#with;
    for (const settlement of settlements) {
      switch (settlement.kind) {
        case 'stored':
          departures.acked(epochs().idsOf(settlement), draft);
          break;
        case 'quarantined':
          departures.quarantined(epochs().idsOf(settlement), settlement.reason, draft);
          break;
        case 'loss-stored':
          draft.losses.unsent -= losses.acked(settlement.id, now());
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
