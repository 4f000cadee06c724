/**
 * Holds the shipper of the buffer that is open. Each opening is a stream and has its own shipper.
 */

import type { Shipper } from '../ship/shipper.ts';
import { unknownCollector, zeroCounters } from '../ship/status/collector-state.ts';
import type { ShipperReport } from '../ship/status/shipper-report.ts';

const NO_BUFFER: ShipperReport = {
  state: 'stopped',
  words: 'nothing to ship from: no buffer is open',
  address: '',
  lastError: null,
  lastErrorAt: null,
  batchesInFlight: 0,
  line: null,
  tried: [],
  silent: false,
  collector: { ...unknownCollector(), clockOffsetMs: null },
  counters: zeroCounters(),
};

export class CurrentShipper {
  #shipper: Shipper | null = null;
  #last = NO_BUFFER;

  /** Starts a shipper. @returns stops it */
  begin(shipper: Shipper): () => Promise<void> {
    this.#shipper = shipper;
    shipper.start();
    return async () => {
      await shipper.stop();
      if (this.#shipper !== shipper) return;
      this.#last = { ...shipper.report(), words: NO_BUFFER.words };
      this.#shipper = null;
    };
  }

  report(): ShipperReport {
    return this.#shipper?.report() ?? this.#last;
  }

  checkCredentials(): void {
    this.#shipper?.checkCredentials();
  }

  restartSession(): void {
    this.#shipper?.restartSession();
  }
}
