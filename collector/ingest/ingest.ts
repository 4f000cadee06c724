/**
 * The path of a till's batch into the raw log, and of its ack back.
 *
 *     received ──▶ busy (no room)
 *        │   └───▶ damaged | unsupported | invalid (decoded, refused)
 *        ▼
 *     waiting ──▶ rows durable ──▶ marks durable, or covered by one ──▶ stored
 *        └─────────────┴──────────────────┴──▶ busy (failed, or no answer in time)
 *
 * Invariants:
 * - `stored` is answered only after the store took the batch's row *and then* its due mark (or this
 *   process has one that covers it).
 * - A batch answered `busy` is not kept here. Its row may be in the store, without a due mark: the
 *   till resends it, and since a row's key names what its batch says, a second append changes
 *   nothing.
 * - Memory is bounded by the groups' limits, whatever the store does; every batch is answered
 *   within a bounded time.
 * - Counters move after the commit.
 */
import { type Ack, decodeStatus } from '../../shared/wire/messages.ts';
import type { NewDueMark } from '../store/due-marks.ts';
import type { ReceivedBatch } from '../store/event-log.ts';
import type { TerminalStatus } from '../store/terminals.ts';
import { creditFor, retryAfterMs } from './backpressure.ts';
import { type BatchName, nameOnly, readBatch, type Sender } from './decode-batch.ts';
import { DueMarkWriter } from './due-mark-writer.ts';
import { GroupCommit, type GroupLimits } from './group-commit.ts';
import type { IngestMetrics } from './metrics.ts';
import { StatusWriter } from './status-writer.ts';

export interface IngestStores {
  readonly log: { append(batches: readonly ReceivedBatch[]): Promise<void> };
  readonly marks: { add(marks: readonly NewDueMark[]): Promise<void> };
  readonly terminals: { putStatuses(statuses: readonly TerminalStatus[]): Promise<void> };
}

export interface IngestOptions extends IngestStores {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** How long after its end an hour is first rolled up. */
  readonly graceMs: number;
  readonly groups: GroupLimits;
  readonly metrics: IngestMetrics;
  /** Called for each failed group, with its number of batches. */
  readonly onFailure: (error: Error, batches: number) => void;
}

const MAX_MARKS_REMEMBERED = 200_000;
const MAX_STATUSES = 20_000;
const STATUSES_PER_WRITE = 500;

interface Batch extends ReceivedBatch {
  readonly events: number;
}

export class Ingest {
  readonly #options: IngestOptions;
  readonly #markWriter: DueMarkWriter;
  readonly #groups: GroupCommit<Batch>;
  readonly #statusWriter: StatusWriter;
  #failures = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#markWriter = new DueMarkWriter({ ...options, maxRemembered: MAX_MARKS_REMEMBERED });
    this.#groups = new GroupCommit((batches) => this.#commit(batches), options.groups, options.clock);
    this.#statusWriter = new StatusWriter({
      write: (statuses) => options.terminals.putStatuses(statuses),
      maxWaiting: MAX_STATUSES,
      maxRows: STATUSES_PER_WRITE,
      metrics: options.metrics,
    });
  }

  /** Resolves once the batch is durable, or refused; never rejects. */
  async onBatch(sender: Sender, bytes: Uint8Array): Promise<Ack> {
    const ack = await this.#take(sender, bytes);
    this.#options.metrics.acked(ack.result);
    return ack;
  }

  onStatus({ merchant, terminal }: Sender, bytes: Uint8Array): void {
    const status = decodeStatus(bytes);
    if (status === null) {
      this.#options.metrics.statuses('unreadable', 1);
      return;
    }
    // Field by field: a status may contain keys that this version does not know.
    const { version, epochs, clearThrough, losses, bufferBytes, clockOffsetMs } = status;
    const common = {
      merchant,
      terminal,
      lastSeen: this.#options.now(),
      version,
      clearThrough,
      losses,
      bufferBytes,
      clockOffsetMs,
    };
    for (const { epoch, lastSeq, pending } of epochs) {
      this.#statusWriter.enqueue({ ...common, epoch: epoch as TerminalStatus['epoch'], lastSeq, pending });
    }
  }

  credit(): number {
    return creditFor(this.#groups.heldBytes, this.#options.groups.maxHeldBytes);
  }

  /**
   * Call it about once a second: expires batches that the store does not answer, and writes pending
   * statuses.
   */
  async tick(): Promise<void> {
    this.#groups.expire();
    this.#options.metrics.heldBytes(this.#groups.heldBytes);
    await this.#statusWriter.flush();
  }

  async #take(sender: Sender, bytes: Uint8Array): Promise<Ack> {
    if (!this.#groups.hasRoom(bytes.length)) return this.#busy(nameOnly(sender, bytes), 'no room at the moment');
    const read = readBatch(sender, bytes);
    if (!read.ok) return read.ack;
    const { merchant, terminal } = sender;
    const { header, events, name } = read;
    const batch = { merchant, terminal, header, events, bytes: owned(bytes), arrival: this.#options.now() };
    const outcome = await this.#groups.offer(batch, bytes.length);
    switch (outcome.kind) {
      case 'committed':
        return { ...name, result: 'stored' };
      case 'failed':
        return this.#busy(name, 'the store did not take it');
      case 'late':
        return this.#busy(name, 'the store does not answer');
      case 'full':
        return this.#busy(name, 'no room at the moment');
    }
  }

  #busy(name: BatchName, reason: string): Ack {
    const wait = retryAfterMs(this.#failures, this.#options.random());
    return { ...name, result: 'busy', reason, retryAfterMs: wait };
  }

  async #commit(batches: readonly Batch[]): Promise<void> {
    const { log, metrics, clock, onFailure } = this.#options;
    const start = clock();
    try {
      await log.append(batches);
      await this.#markWriter.ensureMarks(
        batches.map(({ merchant, terminal, header }) => ({ merchant, terminal, hour: header.hour })),
      );
    } catch (error) {
      this.#failures++;
      metrics.commitFailed();
      onFailure(error as Error, batches.length);
      throw error;
    }
    this.#failures = 0;
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
    const events = batches.reduce((sum, batch) => sum + batch.events, 0);
    metrics.committed({ batches: batches.length, events, bytes, seconds: (clock() - start) / 1000 });
  }
}

/**
 * Copies a payload that is a small part of a socket read, because it would keep the whole read in
 * memory.
 */
const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
