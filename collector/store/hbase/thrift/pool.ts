/**
 * A pool of connections to one gateway, each lent to one call at a time.
 *
 * A dropped connection is replaced when the next call needs one, so nothing has to be restarted,
 * and an idle pool leaves a dead gateway alone. After a failed attempt the pool waits before the
 * next one (exponential, full jitter), and callers wait with it: at most `maxWaiting` callers, each
 * at most `waitMs`.
 *
 * Invariants: `lent + idle + opening ≤ size`. While a caller waits, a connection is being opened,
 * or the pool is at its size, or a timer is set for the next attempt.
 */
import type { Connection } from './connection.ts';

/** The limit of waiting calls is reached. */
export class PoolFull extends Error {
  override readonly name = 'PoolFull';
}

/**
 * No connection became free, or could be opened, in time. `cause` is the last failed attempt, if
 * any.
 */
export class NoConnection extends Error {
  override readonly name = 'NoConnection';
}

export class PoolClosed extends Error {
  override readonly name = 'PoolClosed';
}

export interface PoolOptions {
  open(signal: AbortSignal): Promise<Connection>;
  readonly size: number;
  readonly maxWaiting: number;
  /** Milliseconds. */
  readonly waitMs: number;
  /**
   * A connection idle for longer than this (milliseconds) is not reused: the gateway is about to
   * close it.
   */
  readonly maxIdleMs: number;
  /** Bounds of the pause after a failed attempt, milliseconds. */
  readonly retry: { readonly baseMs: number; readonly maxMs: number };
  /** Monotonic milliseconds. */
  now(): number;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

interface Waiter {
  readonly timer: NodeJS.Timeout;
  resolve(connection: Connection): void;
  reject(reason: Error): void;
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #stop = new AbortController();
  readonly #connections = new Set<Connection>();
  /** Most recently used last. The last one is lent first, so that unneeded connections age out. */
  #idle: { readonly connection: Connection; readonly since: number }[] = [];
  readonly #waiting = new Set<Waiter>();
  #opening = 0;
  #failures = 0;
  #lastFailure: Error | undefined;
  #retryTimer: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Lends a connection to `use`, and takes it back once that has settled. */
  async use<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire();
    try {
      return await use(connection);
    } finally {
      if (connection.isOpen) this.#idle.push({ connection, since: this.#options.now() });
      this.#serve();
    }
  }

  /** Rejects all waiting and running calls; resolves when the last socket is closed. */
  async close(): Promise<void> {
    const reason = new PoolClosed('the store was closed');
    this.#stop.abort(reason);
    clearTimeout(this.#retryTimer ?? undefined);
    for (const waiter of this.#waiting) this.#settle(waiter).reject(reason);
    for (const connection of this.#connections) connection.close(reason);
    await Promise.all(Array.from(this.#connections, (connection) => connection.closed));
  }

  #acquire(): Promise<Connection> {
    if (this.#stop.signal.aborted) return Promise.reject(this.#stop.signal.reason);
    const { maxWaiting, waitMs } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= maxWaiting) return reject(new PoolFull(`${maxWaiting} calls wait already`));
      const timer = setTimeout(() => this.#timeOut(waiter), waitMs);
      const waiter: Waiter = { timer, resolve, reject };
      this.#waiting.add(waiter);
      this.#serve();
    });
  }

  #timeOut(waiter: Waiter): void {
    const cause = this.#lastFailure;
    const why = cause === undefined ? `all ${this.#options.size} connections stayed busy` : cause.message;
    this.#settle(waiter).reject(new NoConnection(`none within ${this.#options.waitMs} ms: ${why}`, { cause }));
  }

  #settle(waiter: Waiter): Waiter {
    clearTimeout(waiter.timer);
    this.#waiting.delete(waiter);
    return waiter;
  }

  /** Lends idle connections to waiting callers, and opens missing ones. */
  #serve(): void {
    if (this.#stop.signal.aborted) return;
    for (const waiter of this.#waiting) {
      const connection = this.#takeIdle();
      if (connection === null) break;
      this.#settle(waiter).resolve(connection);
    }
    const room = this.#options.size - this.#connections.size - this.#opening;
    let missing = Math.min(this.#waiting.size - this.#opening, room);
    if (missing > 0 && this.#retryTimer === null) while (missing-- > 0) void this.#open();
  }

  #takeIdle(): Connection | null {
    const { now, maxIdleMs } = this.#options;
    for (;;) {
      const last = this.#idle.pop();
      if (last === undefined) return null;
      if (!last.connection.isOpen) continue;
      if (now() - last.since <= maxIdleMs) return last.connection;
      last.connection.close();
      this.#connections.delete(last.connection);
    }
  }

  async #open(): Promise<void> {
    this.#opening++;
    try {
      this.#adopt(await this.#options.open(this.#stop.signal));
    } catch (fault) {
      this.#lastFailure = fault as Error;
      this.#pause();
    } finally {
      this.#opening--;
      this.#serve();
    }
  }

  #adopt(connection: Connection): void {
    if (this.#stop.signal.aborted) {
      connection.close();
      return;
    }
    this.#failures = 0;
    this.#lastFailure = undefined;
    this.#connections.add(connection);
    this.#idle.push({ connection, since: this.#options.now() });
    void connection.closed.then(() => this.#forget(connection));
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#idle = this.#idle.filter((idle) => idle.connection !== connection);
    this.#serve();
  }

  /** Several attempts that fail together count, and wait, as one. */
  #pause(): void {
    if (this.#retryTimer !== null || this.#stop.signal.aborted) return;
    const { retry, random } = this.#options;
    const longest = Math.min(retry.maxMs, retry.baseMs * 2 ** this.#failures++);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      this.#serve();
    }, random() * longest);
  }
}
