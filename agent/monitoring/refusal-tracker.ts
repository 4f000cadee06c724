/** Remembers whether the buffer took what it was last given: what a full buffer says is said to the till alone otherwise. */
import type { TillEvent } from '../../shared/event/event.ts';
import type { Accepted, Intake } from '../port/intake.ts';

export class RefusalTracker implements Intake {
  readonly #intake: Intake;
  #full: string | null = null;

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  /** Why the last new events were refused, in words; null when they were not. */
  get reason(): string | null {
    return this.#full;
  }

  async accept(events: readonly TillEvent[]): Promise<Accepted> {
    const accepted = await this.#intake.accept(events);
    if (accepted.kind === 'full') this.#full = accepted.detail;
    else if (accepted.kind === 'accepted' && accepted.accepted > 0) this.#full = null;
    return accepted;
  }
}
