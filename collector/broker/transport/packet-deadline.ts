/** The time that a packet may take: a period, and further ones while it comes at a least rate. */

export interface PacketDeadlineLimits {
  /** Milliseconds. */
  readonly packetMs: number;
  /** Bytes a second at which a packet may take longer. */
  readonly minPacketRate: number;
}

export class PacketDeadline {
  readonly #limits: PacketDeadlineLimits;
  readonly #received: () => number;
  readonly #onLate: (detail: string) => void;
  #timer: NodeJS.Timeout | null = null;

  /** @param received bytes of the packet that have come so far */
  constructor(limits: PacketDeadlineLimits, received: () => number, onLate: (detail: string) => void) {
    this.#limits = limits;
    this.#received = received;
    this.#onLate = onLate;
  }

  /** A packet has begun; does nothing while one is watched. */
  arm(): void {
    this.#timer ??= this.#after(1);
  }

  disarm(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @param periods that the packet may have taken when it is looked at */
  #after(periods: number): NodeJS.Timeout {
    const { packetMs, minPacketRate } = this.#limits;
    return setTimeout(() => {
      const received = this.#received();
      if (received * 1000 >= minPacketRate * packetMs * periods) this.#timer = this.#after(periods + 1);
      else this.#onLate(`${received} bytes of a packet came within ${packetMs * periods} ms`);
    }, packetMs);
  }
}
