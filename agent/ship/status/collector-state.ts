/** What the agent knows of the collector beyond one session, and the counters of shipping. */

export interface CollectorState {
  /** Changes when the collector's store lacks what it acknowledged: it was restored. */
  storeGen: string | null;
  credit: number;
  /** Why the collector takes nothing at present; null when it does. */
  holding: string | null;
}

/** Each counter is raised once what it counts is certain. */
export interface ShipCounters {
  connections: number;
  batchesSent: number;
  bytesSent: number;
  /** Acknowledged and settled in the buffer. */
  eventsStored: number;
  eventsQuarantined: number;
  /** Loss records: acknowledged and settled; refused. */
  lossesStored: number;
  lossesRefused: number;
  /** Acks by result. */
  stored: number;
  invalid: number;
  damaged: number;
  unsupported: number;
  busy: number;
  /** Acks that match no batch in flight. */
  unmatched: number;
}

export const unknownCollector = (): CollectorState => ({
  storeGen: null,
  credit: 1,
  holding: null,
});

export const zeroCounters = (): ShipCounters => ({
  connections: 0,
  batchesSent: 0,
  bytesSent: 0,
  eventsStored: 0,
  eventsQuarantined: 0,
  lossesStored: 0,
  lossesRefused: 0,
  stored: 0,
  invalid: 0,
  damaged: 0,
  unsupported: 0,
  busy: 0,
  unmatched: 0,
});
