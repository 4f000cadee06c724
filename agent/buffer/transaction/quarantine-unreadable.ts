/** Gives up rows that are not what was written, each once, in a transaction after the look that found them. */

import type { UnreadableRow } from '../tables/event-table.ts';
import type { ChangeSet } from './changeset.ts';
import type { StateTransitions } from './state-transitions.ts';

export interface QuarantineUnreadableParts {
  readonly transitions: Pick<StateTransitions, 'quarantineUnreadable'>;
  /** Runs work in a transaction of the buffer. */
  readonly within: (work: (changes: ChangeSet) => void) => Promise<void>;
  /** Told of each, and of those that could not be given up. */
  readonly damaged: (detail: string) => void;
}

export class QuarantineUnreadable {
  readonly #with: QuarantineUnreadableParts;
  /** Ids of those that are given up, until that is committed. */
  readonly #leaving = new Set<number>();

  constructor(parts: QuarantineUnreadableParts) {
    this.#with = parts;
  }

  /** Resolves when they are given up, or could not be. */
  async quarantine(found: readonly UnreadableRow[]): Promise<void> {
    const { transitions, within, damaged } = this.#with;
    const unreadable = found.filter(({ id }) => !this.#leaving.has(id));
    if (unreadable.length === 0) return;
    for (const { id, detail } of unreadable) {
      this.#leaving.add(id);
      damaged(`event ${id} cannot be read: ${detail}`);
    }
    try {
      await within((changes) => {
        for (const { id, detail } of unreadable) transitions.quarantineUnreadable(id, detail, changes);
      });
    } catch (error) {
      damaged(`unreadable events could not be set aside: ${(error as Error).message}`);
    } finally {
      for (const { id } of unreadable) this.#leaving.delete(id);
    }
  }
}
