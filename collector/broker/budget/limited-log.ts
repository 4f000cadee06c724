/**
 * Bounds the log lines that outsiders cause: each message has a budget of lines; what exceeds it is
 * counted, and the next line, or `flush`, says how many (`suppressed`).
 */
import { type Rate, TokenBucket } from '../../../shared/token-bucket.ts';

export interface BrokerLog {
  error(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

type Level = keyof BrokerLog;

interface Kind {
  readonly bucket: TokenBucket;
  readonly level: Level;
  suppressed: number;
}

export class LimitedLog implements BrokerLog {
  readonly #log: BrokerLog;
  readonly #rate: Rate;
  readonly #clock: () => number;
  /** By message: texts of this program, so few. */
  readonly #kinds = new Map<string, Kind>();

  /** @param clock monotonic milliseconds */
  constructor(log: BrokerLog, rate: Rate, clock: () => number) {
    this.#log = log;
    this.#rate = rate;
    this.#clock = clock;
  }

  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }

  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }

  /** Tells what was suppressed since the last line, where there is budget for it. */
  flush(): void {
    for (const [message, { level, suppressed }] of this.#kinds) if (suppressed > 0) this.#write(level, {}, message, 0);
  }

  #write(level: Level, fields: object, message: string, own = 1): void {
    let kind = this.#kinds.get(message);
    if (kind === undefined) {
      kind = { bucket: new TokenBucket(this.#rate, this.#clock), level, suppressed: 0 };
      this.#kinds.set(message, kind);
    }
    if (!kind.bucket.take()) {
      kind.suppressed += own;
      return;
    }
    const { suppressed } = kind;
    kind.suppressed = 0;
    this.#log[level](suppressed === 0 ? fields : { ...fields, suppressed }, message);
  }
}
