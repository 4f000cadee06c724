/**
 * Applies an ack to the batch it names: the content is settled, sent again or kept for later.
 *
 * A refused batch of several events is halved and sent again; only a single event is quarantined. A
 * loss record cannot be dropped: when refused, it is offered again in the next session.
 */
import { redact } from '../../../shared/event/card-data/card-data.ts';
import { parseStreamId } from '../../../shared/ids.ts';
import { type Dictionary, NEWEST } from '../../../shared/wire/dictionaries/released.ts';
import type { Ack } from '../../../shared/wire/messages.ts';
import type { SeqRange, Settlement } from '../../port/outbox.ts';
import { jitteredDelay } from '../connection/backoff.ts';
import type { CollectorState, ShipCounters } from '../status/collector-state.ts';
import type { HoldOff, HoldOffScope } from './hold-off.ts';
import type { BatchContent, InFlight } from './in-flight-window.ts';
import type { Lanes } from './lanes.ts';
import type { LossLane } from './loss-lane.ts';

const BUSY_MS = 5_000;
/** Upper bound on a `retryAfterMs` of the collector. */
const MAX_BUSY_MS = 15 * 60_000;
const UNSUPPORTED_MS = 5 * 60_000;
const DAMAGED_MS = 1_000;
const MAX_DAMAGED_MS = 30_000;

export interface AckHandlerDependencies {
  readonly losses: LossLane;
  readonly lanes: Lanes;
  readonly holdOff: HoldOff;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly view: CollectorState;
  readonly counters: ShipCounters;
}

const seqsOf = ({ stream, first, last }: InFlight): SeqRange => ({
  epoch: parseStreamId(stream).epoch,
  firstSeq: first,
  lastSeq: last,
});

export class AckHandler {
  readonly #with: AckHandlerDependencies;
  #dictionary: Dictionary | null = NEWEST;
  #damagedInARow = 0;

  constructor(dependencies: AckHandlerDependencies) {
    this.#with = dependencies;
  }

  /**
   * The dictionary to compress with; null once the collector has shown that it does not know it.
   */
  get dictionary(): Dictionary | null {
    return this.#dictionary;
  }

  /** @returns how the content is settled; null when it is sent again or kept */
  apply(batch: InFlight, ack: Ack): Settlement | null {
    const { counters, view } = this.#with;
    const { content } = batch;
    // The reason may repeat the batch's content, and it is stored with a quarantined event and
    // displayed.
    const reason = ack.reason === undefined ? undefined : redact(ack.reason);
    counters[ack.result]++;
    if (ack.result !== 'damaged') this.#damagedInARow = 0;
    switch (ack.result) {
      case 'stored':
        view.holding = null;
        return content.lane === 'losses'
          ? { kind: 'loss-stored', id: content.loss.id }
          : { kind: 'stored', ...seqsOf(batch) };
      case 'invalid':
        return this.#refused(batch, reason);
      case 'damaged':
        // A single damaged batch may be chance.
        if (this.#damagedInARow++ > 0)
          this.#holdOff('everything', Math.min(MAX_DAMAGED_MS, DAMAGED_MS * 2 ** this.#damagedInARow));
        break;
      case 'unsupported':
        if (content.lane === 'losses') return this.#refused(batch, reason);
        if (batch.dictionary !== 0) {
          this.#dictionary = null;
          break;
        }
        view.holding = `the collector does not support this agent's batches (${reason ?? 'no reason given'})`;
        this.#holdOff('everything', UNSUPPORTED_MS);
        break;
      case 'busy':
        view.holding = `the collector is busy${reason === undefined ? '' : `: ${reason}`}`;
        // A busy ack for the backlog does not hold the live lane: the collector may still take new
        // events.
        this.#holdOff(
          content.lane === 'backlog' ? 'backlog' : 'everything',
          Math.min(MAX_BUSY_MS, ack.retryAfterMs ?? BUSY_MS),
        );
        break;
    }
    this.#resend(content);
    return null;
  }

  /** Holds off for the given time plus up to half of it. */
  #holdOff(what: HoldOffScope, ms: number): void {
    this.#with.holdOff.set(what, jitteredDelay(ms, this.#with.random));
  }

  #resend(content: BatchContent): void {
    const { losses, lanes } = this.#with;
    if (content.lane === 'losses') losses.resend(content.loss);
    else lanes[content.lane].resend(content.sent);
  }

  #refused(batch: InFlight, reason: string | undefined): Settlement | null {
    const { losses, lanes, counters } = this.#with;
    const { content } = batch;
    if (content.lane === 'losses') {
      losses.refused();
      counters.lossesRefused++;
      return null;
    }
    if (batch.first === batch.last)
      return { kind: 'quarantined', ...seqsOf(batch), reason: reason ?? 'the collector refused it' };
    const { firstId, lastId } = content.sent;
    const middle = firstId + Math.floor((lastId - firstId) / 2);
    lanes[content.lane].resend({ firstId, lastId: middle });
    lanes[content.lane].resend({ firstId: middle + 1, lastId });
    return null;
  }
}
