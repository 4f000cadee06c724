/**
 * What an ack makes of a batch that was on its way: what it held is settled, goes again, or is kept for later.
 *
 * A batch of several events that is refused is halved and sent again; only a single event is quarantined. A loss record can't be given up:
 * it is offered again in the next session.
 */
import { redact } from '../../../shared/event/card-data/card-data.ts';
import { parseStreamId } from '../../../shared/ids.ts';
import { type Dictionary, NEWEST } from '../../../shared/wire/dictionaries/released.ts';
import type { Ack } from '../../../shared/wire/messages.ts';
import type { SeqRange, Settlement } from '../../port/outbox.ts';
import { jitteredDelay } from '../connection/backoff.ts';
import type { CollectorState, ShipCounters } from '../status/collector-state.ts';
import type { Held, HoldOff } from './hold-off.ts';
import type { Cargo, InFlight } from './in-flight-window.ts';
import type { Lanes } from './lanes.ts';
import type { LossLane } from './loss-lane.ts';

const BUSY_MS = 5_000;
/** A collector may ask for patience, not for ever. */
const MAX_BUSY_MS = 15 * 60_000;
const UNSUPPORTED_MS = 5 * 60_000;
const DAMAGED_MS = 1_000;
const MAX_DAMAGED_MS = 30_000;

export interface AckHandlerDependencies {
  readonly losses: LossLane;
  readonly lanes: Lanes;
  readonly patience: HoldOff;
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

  /** To pack with; null once the collector has shown that it does not know it. */
  get dictionary(): Dictionary | null {
    return this.#dictionary;
  }

  /** @returns what becomes of what the batch held; null when it goes again, or is kept */
  apply(batch: InFlight, ack: Ack): Settlement | null {
    const { counters, view } = this.#with;
    const { cargo } = batch;
    // It may repeat what the batch held, and is written with what is quarantined, and shown.
    const reason = ack.reason === undefined ? undefined : redact(ack.reason);
    counters[ack.result]++;
    if (ack.result !== 'damaged') this.#damagedInARow = 0;
    switch (ack.result) {
      case 'stored':
        view.holding = null;
        return cargo.lane === 'losses'
          ? { kind: 'loss-stored', id: cargo.loss.id }
          : { kind: 'stored', ...seqsOf(batch) };
      case 'invalid':
        return this.#refused(batch, reason);
      case 'damaged':
        // Once may be chance.
        if (this.#damagedInARow++ > 0)
          this.#hold('everything', Math.min(MAX_DAMAGED_MS, DAMAGED_MS * 2 ** this.#damagedInARow));
        break;
      case 'unsupported':
        if (cargo.lane === 'losses') return this.#refused(batch, reason);
        if (batch.dictionary !== 0) {
          this.#dictionary = null;
          break;
        }
        view.holding = `the collector does not understand this agent's batches (${reason ?? 'no reason given'})`;
        this.#hold('everything', UNSUPPORTED_MS);
        break;
      case 'busy':
        view.holding = `the collector is busy${reason === undefined ? '' : `: ${reason}`}`;
        // What is new may still be taken: it shows whether it is.
        this.#hold(
          cargo.lane === 'backlog' ? 'backlog' : 'everything',
          Math.min(MAX_BUSY_MS, ack.retryAfterMs ?? BUSY_MS),
        );
        break;
    }
    this.#again(cargo);
    return null;
  }

  /** For so long, and up to half as long again. */
  #hold(what: Held, ms: number): void {
    this.#with.patience.set(what, jitteredDelay(ms, this.#with.random));
  }

  #again(cargo: Cargo): void {
    const { losses, lanes } = this.#with;
    if (cargo.lane === 'losses') losses.resend(cargo.loss);
    else lanes[cargo.lane].resend(cargo.sent);
  }

  #refused(batch: InFlight, reason: string | undefined): Settlement | null {
    const { losses, lanes, counters } = this.#with;
    const { cargo } = batch;
    if (cargo.lane === 'losses') {
      losses.refused();
      counters.lossesRefused++;
      return null;
    }
    if (batch.first === batch.last)
      return { kind: 'quarantined', ...seqsOf(batch), reason: reason ?? 'the collector refused it' };
    const { firstId, lastId } = cargo.sent;
    const middle = firstId + Math.floor((lastId - firstId) / 2);
    lanes[cargo.lane].resend({ firstId, lastId: middle });
    lanes[cargo.lane].resend({ firstId: middle + 1, lastId });
    return null;
  }
}
