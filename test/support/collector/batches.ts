/**
 * Wire batches as an agent makes them: sales of one currency, each seq with an amount of its own.
 */
import type { TillEvent } from '../../../shared/event/event.ts';
import { epoch } from '../../../shared/ids.ts';
import { HOUR_MS } from '../../../shared/time.ts';
import { type EncodedBatch, encodeEvents, encodeLoss } from '../../../shared/wire/batch.ts';
import { EPOCH } from './mqtt-till.ts';

/** 2026-11-22T09:00Z. */
export const HOUR = Date.UTC(2026, 10, 22, 9) / HOUR_MS;

/** What the seq was sold for, minor units: a set of seqs shows in the sum. */
export const amountOf = (seq: number): number => seq * seq;

const sale = (seq: number, hour: number, amount: number): TillEvent => ({
  type: 'sale',
  ts: hour * HOUR_MS + seq,
  offset: 0,
  flags: 0,
  amount,
  currency: 'GBP',
  ref: null,
  store: null,
  dims: [],
  items: [],
  attrs: null,
});

export interface BatchPlace {
  readonly hour?: number;
  readonly epoch?: string;
  /** Of a seq; `amountOf` if left out. */
  readonly amount?: (seq: number) => number;
}

/** The seqs from `first` to `last`. */
export function batchOf(first: number, last: number, place: BatchPlace = {}): EncodedBatch {
  const { hour = HOUR, epoch: of = EPOCH, amount = amountOf } = place;
  const seqs = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const events = seqs.map((seq) => sale(seq, hour, amount(seq)));
  return encodeEvents({ epoch: epoch(of), firstSeq: first, hour, clearThrough: 0 }, events);
}

/** A record that the seqs from `first` to `last` are lost. */
export function lossOf(first: number, last: number, { hour = HOUR, epoch: of = EPOCH }: BatchPlace = {}): EncodedBatch {
  const identity = { epoch: epoch(of), firstSeq: first, hour, clearThrough: 0 };
  return encodeLoss(identity, last - first + 1, { reason: 'evicted', at: hour * HOUR_MS, detail: null });
}
