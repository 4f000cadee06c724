/**
 * What runs as long as one opening of the buffer: recovery of set-aside files, shipping, scrubbing.
 *
 * Recovery is tried again after a fault, with waits of one second to one minute.
 */
import { startScrubbing } from '../buffer/integrity/scrub-schedule.ts';
import type { SqliteBuffer } from '../buffer/sqlite-buffer.ts';
import type { Timers } from '../port/timers.ts';
import type { Shipper } from '../ship/shipper.ts';
import type { CurrentShipper } from './current-shipper.ts';

const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 60_000;

type OpenBuffer = Pick<SqliteBuffer, 'recover' | 'scrubStep'>;

export class BufferSession {
  readonly #buffer: OpenBuffer;
  readonly #shipping: Pick<CurrentShipper, 'begin'>;
  readonly #timers: Timers;
  readonly #fault: (error: unknown) => void;
  #isEnded = false;
  /** Ends the pause of the recovery. */
  #cancelPause = (): void => {};
  #endScrubbing = (): void => {};
  #endShipping = async (): Promise<void> => {};

  /** @param fault gets the faults of recovery and scrubbing */
  constructor(
    buffer: OpenBuffer,
    shipping: Pick<CurrentShipper, 'begin'>,
    timers: Timers,
    fault: (error: unknown) => void,
  ) {
    this.#buffer = buffer;
    this.#shipping = shipping;
    this.#timers = timers;
    this.#fault = fault;
  }

  /** @param shipper that ships from this buffer */
  start(shipper: Shipper): void {
    void this.#recover();
    this.#endShipping = this.#shipping.begin(shipper);
    this.#endScrubbing = startScrubbing({
      check: () => this.#buffer.scrubStep(),
      failed: this.#fault,
      after: (ms, run) => this.#timers.after(ms, run),
    });
  }

  async stop(): Promise<void> {
    this.#isEnded = true;
    this.#cancelPause();
    this.#endScrubbing();
    await this.#endShipping();
  }

  async #recover(): Promise<void> {
    const pause = (ms: number): Promise<boolean> => this.#pause(ms);
    for (let waitMs = FIRST_WAIT_MS; !this.#isEnded; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      try {
        await this.#buffer.recover(pause);
        return;
      } catch (error) {
        if (this.#isEnded) return;
        this.#fault(error);
        await this.#pause(waitMs);
      }
    }
  }

  /** @returns false when the session ended meanwhile */
  #pause(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(ms, () => resolve(!this.#isEnded));
      this.#cancelPause = () => {
        cancel();
        resolve(false);
      };
    });
  }
}
