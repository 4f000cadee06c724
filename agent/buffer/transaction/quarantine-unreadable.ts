/**
 * Quarantines rows that are not what was written: each once, in a transaction after the read that
 * found them.
 */
import type { UnreadableRow } from '../tables/event-table.ts';
import type { StateTransitions } from './state-transitions.ts';
import type { TransactionRunner } from './transaction-runner.ts';

export class QuarantineUnreadable {
  readonly #transitions: Pick<StateTransitions, 'quarantineUnreadable'>;
  readonly #transactions: Pick<TransactionRunner, 'run'>;
  readonly #damaged: (detail: string) => void;
  /** Ids of the rows whose transaction has not ended yet. */
  readonly #leaving = new Set<number>();

  /** @param damaged called for each row, and when rows could not be quarantined */
  constructor(
    transitions: Pick<StateTransitions, 'quarantineUnreadable'>,
    transactions: Pick<TransactionRunner, 'run'>,
    damaged: (detail: string) => void,
  ) {
    this.#transitions = transitions;
    this.#transactions = transactions;
    this.#damaged = damaged;
  }

  /** Resolves when the rows are quarantined, or could not be. */
  async quarantine(found: readonly UnreadableRow[]): Promise<void> {
    const unreadable = found.filter(({ id }) => !this.#leaving.has(id));
    if (unreadable.length === 0) return;
    for (const { id, detail } of unreadable) {
      this.#leaving.add(id);
      this.#damaged(`event ${id} cannot be read: ${detail}`);
    }
    try {
      await this.#transactions.run((changes) => {
        for (const { id, detail } of unreadable) this.#transitions.quarantineUnreadable(id, detail, changes);
      });
    } catch (error) {
      this.#damaged(`unreadable events could not be set aside: ${(error as Error).message}`);
    } finally {
      for (const { id } of unreadable) this.#leaving.delete(id);
    }
  }
}
