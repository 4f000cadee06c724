/**
 * Ends an attempt to connect when a step of it gets no answer: TCP, a proxy's answer, TLS,
 * WebSocket, MQTT up to the last SUBACK. On a slow line a step takes longer than its silence: TLS
 * alone has 4 KiB, which take 20 s at 200 bytes a second.
 */
import type { Socket } from 'node:net';
import type { Timers } from '../../port/timers.ts';

/** Without a byte from the other end. Until the first one, our own have to arrive. */
const SILENT_MS = 20_000;
/** In all, whatever trickles: six times what the least line needs for TLS. */
const MOST_MS = 150_000;

export class StepTimeout {
  readonly #timers: Pick<Timers, 'after'>;
  readonly #late = new AbortController();
  readonly #cancelAll: () => void;
  #cancel = (): void => {};
  #socket: Pick<Socket, 'bytesRead'> | null = null;
  #seen = 0;

  constructor(timers: Pick<Timers, 'after'>) {
    this.#timers = timers;
    this.#cancelAll = timers.after(MOST_MS, () => this.#end());
    this.#arm();
  }

  /** Aborts when it takes too long. */
  get signal(): AbortSignal {
    return this.#late.signal;
  }

  /** A step is done. @param socket below TLS and WebSocket */
  next(socket: Pick<Socket, 'bytesRead'>): void {
    this.#socket = socket;
    this.#arm();
  }

  clear(): void {
    this.#cancel();
    this.#cancelAll();
  }

  #arm(): void {
    this.#cancel();
    this.#seen = this.#received;
    this.#cancel = this.#timers.after(SILENT_MS, () => {
      if (this.#received > this.#seen) this.#arm();
      else this.#end();
    });
  }

  get #received(): number {
    return this.#socket?.bytesRead ?? 0;
  }

  #end(): void {
    this.clear();
    this.#late.abort(new Error('no answer'));
  }
}
