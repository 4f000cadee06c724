/** What is known of a batch at each stage of its way into the raw log: see `ingest.ts`. */
import type { Buffer } from 'node:buffer';
import type { BatchHeader } from '../../shared/wire/header.ts';
import type { ReceivedBatch } from '../store/event-log.ts';
import type { Place } from './admission/room.ts';
import type { BatchName, Sender } from './decode-batch.ts';

export interface RawRowName {
  readonly key: Buffer;
  /** The end of the key, as Latin-1. */
  readonly digest: string;
}

/** Its arrival is when it is put: a batch that waited is not earlier than one stored meanwhile. */
export interface Batch extends ReceivedBatch {
  readonly claim: string;
  /** Milliseconds since 1970, this collector's clock. */
  readonly receivedAt: number;
  readonly row: RawRowName;
  readonly events: number;
  /** Its row is in the store; its due mark may not be. */
  readonly isStored: boolean;
}

/** A batch that has room, and its header was read. */
export interface Arrived {
  readonly sender: Sender;
  readonly bytes: Uint8Array;
  readonly name: BatchName;
  readonly header: BatchHeader;
  readonly claim: string;
  readonly receivedAt: number;
  readonly place: Place;
}

/** What became of a batch in its turn, unless that is an ack. */
export interface Decoded {
  readonly row: RawRowName;
  readonly events: number;
}
