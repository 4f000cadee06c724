/** The last things that became of the connection, for support: what the shipper logs, kept. */

const KEPT = 50;
/** Words of a fault may be long. */
const MAX_WORDS = 300;

export interface ConnectionEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: 'info' | 'warn';
  readonly words: string;
  /** How often it came in a row; `at` is of the last time. */
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

  /** @param next is told all of it too */
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

  /** The newest first. */
  events(): readonly ConnectionEvent[] {
    return this.#events.toReversed();
  }

  #keep(level: ConnectionEvent['level'], message: string): void {
    const words = message.slice(0, MAX_WORDS);
    const last = this.#events.at(-1);
    const again = last?.level === level && last.words === words;
    if (again) this.#events.pop();
    this.#events.push({ at: this.#now(), level, words, times: again ? last.times + 1 : 1 });
    this.#events = this.#events.slice(-KEPT);
  }
}
