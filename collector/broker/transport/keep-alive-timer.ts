/**
 * Notices that a client is silent for one and a half times its keep-alive [MQTT-3.1.2-24]. Each
 * byte is a sign of life, where aedes counts whole packets: a large one takes minutes on a slow
 * line. `PacketDeadline` bounds what trickles.
 */

export class KeepAliveTimer {
  readonly #received: () => number;
  readonly #onSilent: () => void;
  #timer: NodeJS.Timeout | null = null;
  #seen = 0;

  /** @param received bytes that have come on the connection, of unfinished TLS records too */
  constructor(received: () => number, onSilent: () => void) {
    this.#received = received;
    this.#onSilent = onSilent;
  }

  /** @param seconds 0: without */
  start(seconds: number): void {
    if (seconds === 0) return;
    this.#seen = this.#received();
    this.#timer = setTimeout(() => this.#check(), seconds * 1_500);
  }

  /** Something came that has passed TLS and WebSocket. */
  heard(): void {
    if (this.#timer === null) return;
    this.#seen = this.#received();
    this.#timer.refresh();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    if (this.#received() === this.#seen) this.#onSilent();
    else this.heard();
  }
}
