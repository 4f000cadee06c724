/** Keeps the latest log messages of the shipper, for support. */

const KEPT = 50;
/** Characters kept of a message; error messages may be long. */
const MAX_LENGTH = 300;

export interface ConnectionEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: 'info' | 'warn';
  readonly message: string;
  /** How often it was repeated in a row; `at` is the time of the last one. */
  readonly times: number;
}

interface Log {
  info(message: string): void;
  warn(message: string): void;
}

export class ConnectionLog implements Log {
  readonly #next: Log;
  readonly #now: () => number;
  #events: ConnectionEvent[] = [];

  /** @param next receives every message too */
  constructor(next: Log, now: () => number) {
    this.#next = next;
    this.#now = now;
  }

  info(message: string): void {
    this.#keep('info', message);
    this.#next.info(message);
  }

  warn(message: string): void {
    this.#keep('warn', message);
    this.#next.warn(message);
  }

  /** Newest first. */
  events(): readonly ConnectionEvent[] {
    return this.#events.toReversed();
  }

  #keep(level: ConnectionEvent['level'], message: string): void {
    const text = message.slice(0, MAX_LENGTH);
    const last = this.#events.at(-1);
    const isRepeat = last?.level === level && last.message === text;
    if (isRepeat) this.#events.pop();
    this.#events.push({ at: this.#now(), level, message: text, times: isRepeat ? last.times + 1 : 1 });
    this.#events = this.#events.slice(-KEPT);
  }
}
