/**
 * Recognises carved rows of a buffer's tables by their shape and checksums, for every schema up to
 * the current one.
 */
import { Buffer } from 'node:buffer';
import { type Epoch, epoch } from '../../../shared/ids.ts';
import { RowCheck, STATE, type State } from '../tables/event-row.ts';
import { isSound, type LossRecord } from '../tables/loss-record.ts';
import type { Value } from './record.ts';

export interface CarvedEvent {
  readonly kind: 'event';
  readonly epoch: Epoch;
  readonly seq: number;
  /** Hours since 1970. */
  readonly hour: number;
  readonly state: State;
  /** When it took that state. No checksum guards this field, nor the reason. */
  readonly at: number;
  readonly reason: string | null;
  readonly body: Buffer;
}

export interface CarvedLoss {
  readonly kind: 'loss';
  readonly loss: LossRecord;
}

/**
 * A dedup entry. No checksum guards it, but its content is the hash of an event: a damaged one
 * matches no event.
 */
export interface CarvedRef {
  readonly kind: 'ref';
  readonly epoch: Epoch;
  readonly seq: number;
  readonly type: string;
  readonly ref: string;
  readonly content: Buffer;
  readonly at: number;
}

/**
 * Whether a pending row is an older version of one that was settled since. An event that support
 * requeued has the reason of its quarantine, and is not outdated.
 *
 * @param settledThrough of its epoch's high-water mark
 */
export const isOutdated = ({ state, seq, reason }: CarvedEvent, settledThrough: number): boolean =>
  state === STATE.pending && reason === null && seq <= settledThrough;

export type CarvedRow = CarvedEvent | CarvedLoss | CarvedRef;

const EVENT_COLUMNS = 9;
const LOSS_COLUMNS = 10;
const REF_COLUMNS = 7;
const CONTENT_BYTES = 16;
const EPOCH = /^[0-9a-f]{16}$/;
/** The ids of a recovered file leave this many seqs to an epoch: see `id-allocation.ts`. */
export const MAX_SEQ = 2 ** 36 - 1;

const isEpoch = (value: Value | undefined): value is string => typeof value === 'string' && EPOCH.test(value);
const isCount = (value: Value | undefined): value is number => typeof value === 'number' && value >= 0;
const isSeq = (value: Value | undefined): value is number => isCount(value) && value >= 1 && value <= MAX_SEQ;
const isState = (value: Value | undefined): value is State =>
  value === STATE.pending || value === STATE.acked || value === STATE.quarantined;
const isText = (value: Value | undefined): value is string => typeof value === 'string';
const isTextOrNull = (value: Value | undefined): value is string | null => value === null || typeof value === 'string';

/** `foreign`: of another table. `damaged`: the shape of a guarded row, but a wrong checksum. */
export type Reading = CarvedRow | 'foreign' | 'damaged';

export class RowReader {
  readonly #check = new RowCheck();

  read(values: readonly Value[]): Reading {
    switch (values.length) {
      case EVENT_COLUMNS:
        return this.#event(values);
      case LOSS_COLUMNS:
        return loss(values);
      case REF_COLUMNS:
        return ref(values);
      default:
        return 'foreign';
    }
  }

  #event([key, of, seq, hour, state, at, reason, sum, body]: readonly Value[]): Reading {
    if (key !== null || !isEpoch(of) || !isSeq(seq) || !isCount(hour) || hour > 0xffff_ffff || !isState(state)) {
      return 'damaged';
    }
    if (!isCount(at) || !isTextOrNull(reason) || !isCount(sum) || !Buffer.isBuffer(body)) return 'damaged';
    if (this.#check.fault({ epoch: of, seq, hour, state, sum, body }) !== null) return 'damaged';
    return { kind: 'event', epoch: epoch(of), seq, hour, state, at, reason, body };
  }
}

function loss([key, of, first_seq, count, hour, reason, at, detail, acked, sum]: readonly Value[]): Reading {
  if (key !== null || !isEpoch(of) || !isText(reason) || !isTextOrNull(detail)) return 'damaged';
  if (!isSeq(first_seq) || !isCount(count) || !isCount(hour) || !isCount(at) || !isCount(acked) || !isCount(sum)) {
    return 'damaged';
  }
  const found: LossRecord = { epoch: epoch(of), first_seq, count, hour, reason, at, detail, acked };
  return isSound({ ...found, sum }) ? { kind: 'loss', loss: found } : 'damaged';
}

function ref([key, type, text, content, of, seq, at]: readonly Value[]): Reading {
  if (key !== null || !isText(type) || !isText(text) || !isEpoch(of) || !isSeq(seq) || !isCount(at)) return 'foreign';
  if (!Buffer.isBuffer(content) || content.length !== CONTENT_BYTES) return 'foreign';
  return { kind: 'ref', epoch: epoch(of), seq, type, ref: text, content, at };
}
