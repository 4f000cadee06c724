/** Gives up rows that are not what was written, each once, in a transaction after the look that found them. */

import type { Unreadable } from '../tables/event-table.ts';
import type { Draft } from './changeset.ts';
import type { Departures } from './state-transitions.ts';

export interface UnreadableRowsParts {
  readonly departures: Pick<Departures, 'unreadable'>;
  /** Runs work in a transaction of the buffer. */
  readonly within: (work: (draft: Draft) => void) => Promise<void>;
  /** Told of each, and of those that could not be given up. */
  readonly damaged: (detail: string) => void;
}

export class UnreadableRows {
  readonly #with: UnreadableRowsParts;
  /** Ids of those that are given up, until that is committed. */
  readonly #leaving = new Set<number>();

  constructor(parts: UnreadableRowsParts) {
    this.#with = parts;
  }

  /** Resolves when they are given up, or could not be. */
  async giveUp(found: readonly Unreadable[]): Promise<void> {
    const { departures, within, damaged } = this.#with;
    const unreadable = found.filter(({ id }) => !this.#leaving.has(id));
    if (unreadable.length === 0) return;
    for (const { id, detail } of unreadable) {
      this.#leaving.add(id);
      damaged(`event ${id} cannot be read: ${detail}`);
    }
    try {
      await within((draft) => {
        for (const { id, detail } of unreadable) departures.unreadable(id, detail, draft);
      });
    } catch (error) {
      damaged(`unreadable events could not be set aside: ${(error as Error).message}`);
    } finally {
      for (const { id } of unreadable) this.#leaving.delete(id);
    }
  }
}
