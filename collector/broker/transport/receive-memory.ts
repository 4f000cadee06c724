/**
 * Bounds the bytes of packets that have begun and not ended, over all connections. When they exceed
 * the bound, the connection whose packet began first is ended: honest packets end soon. A few bytes
 * are not counted: a connection that only waits for its next packet is never ended.
 */
import type { Duplex } from 'node:stream';
import { GateError } from './gate-error.ts';

const UNCOUNTED_BYTES = 4 * 1024;

export class ReceiveMemory {
  readonly #maxBytes: number;
  /** Partial bytes of each connection, the packet begun first at the front. */
  readonly #partial = new Map<Duplex, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param unfinished bytes of the packet that this connection has begun; 0: it has ended */
  set(connection: Duplex, unfinished: number): void {
    const bytes = unfinished <= UNCOUNTED_BYTES ? 0 : unfinished;
    const before = this.#partial.get(connection) ?? 0;
    if (before === bytes) return;
    this.#bytes += bytes - before;
    if (bytes === 0) this.#partial.delete(connection);
    else this.#partial.set(connection, bytes);
    while (this.#bytes > this.#maxBytes) this.#endOldest();
  }

  #endOldest(): void {
    for (const [connection, bytes] of this.#partial) {
      this.#partial.delete(connection);
      this.#bytes -= bytes;
      connection.destroy(new GateError('receive-memory', `${this.#maxBytes} bytes of unfinished packets in all`));
      return;
    }
  }
}
