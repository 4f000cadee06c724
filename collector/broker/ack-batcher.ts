/**
 * Batches the acks to one till: those that complete in the same turn of the event loop share an
 * envelope.
 */
import type { Ack } from '../../shared/wire/messages.ts';

/** Sends one envelope. `done` is called when it was sent, or could not be. */
export type SendEnvelope = (acks: Ack[], done: () => void) => void;

export class AckBatcher {
  readonly #send: SendEnvelope;
  #acks: Ack[] = [];
  #releases: (() => void)[] = [];

  constructor(send: SendEnvelope) {
    this.#send = send;
  }

  /**
   * @param ack null answers a status: an envelope without an ack
   * @param release called when the answer was sent
   */
  add(ack: Ack | null, release: () => void): void {
    if (this.#releases.length === 0) setImmediate(() => this.#flush());
    if (ack !== null) this.#acks.push(ack);
    this.#releases.push(release);
  }

  #flush(): void {
    const acks = this.#acks;
    const releases = this.#releases;
    this.#acks = [];
    this.#releases = [];
    this.#send(acks, () => {
      for (const release of releases) release();
    });
  }
}
