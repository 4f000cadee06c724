/**
 * The path of a till's batch into the raw log, and of its ack back.
 *
 *     received ──▶ busy (no room, over the day's quota, or the store is silent)
 *        ▼
 *     waiting for its turn ──▶ stored (a repeat that this process has stored)
 *        │     │     └───▶ damaged | unsupported | invalid (decoded, refused)
 *        ▼     ▼
 *        │   waiting for a commit of its mark (a repeat whose row is in the store)
 *        ▼     ▼
 *     waiting for a commit ──▶ rows durable ──▶ marks durable, or covered by one ──▶ stored
 *        └─────────────┴──────────────────┴──▶ busy (failed, or no answer in time)
 *
 * Invariants:
 * - `stored` is answered only after the store took the batch's row *and then* its due mark (or this
 *   process has one that covers it).
 * - A batch answered `busy` is not kept here. Its row may be in the store, without a due mark: the
 *   till resends it, and since a row's key names what its batch says, a second append changes
 *   nothing.
 * - Memory is bounded by the room and the groups' limits, whatever the store does; every batch is
 *   answered within a bounded time.
 * - A batch waits for the decoding of one batch of each merchant that used less time, whatever
 *   others send.
 * - Counters move after what they count is durable.
 */
import type { Ack } from '../../shared/wire/messages.ts';
import type { NewDueMark } from '../store/due-marks.ts';
import type { EventLog } from '../store/event-log.ts';
import type { Finality } from '../store/finality.ts';
import type { DailyQuotas, Terminals } from '../store/terminals.ts';
import { DecodeTurns } from './admission/decode-turns.ts';
import { Quotas } from './admission/quotas.ts';
import { Room, type RoomLimits } from './admission/room.ts';
import { claimOf, RowLookup, StoredBatches } from './admission/stored-batches.ts';
import { creditFor, retryAfterMs } from './backpressure.ts';
import type { Arrived, Batch, Decoded, RawRowName } from './batch-on-its-way.ts';
import { type BatchName, owned, readBatch, readName, type Sender } from './decode-batch.ts';
import { SKIP_MARGIN_MS } from './due-mark-policy.ts';
import { DueMarkWriter } from './due-mark-writer.ts';
import { GroupCommit, type GroupLimits } from './group-commit.ts';
import { INGEST_LIMITS, ROW_BYTES, STATUS_LIMITS } from './limits.ts';
import type { IngestMetrics, RefusalReason } from './metrics.ts';
import { NO_ROOM, type RefusalOptions, Refusals } from './refusals.ts';
import type { AckedCheckOptions, Generation } from './status/acked-check.ts';
import { StatusIntake } from './status/status-intake.ts';

export interface IngestStores {
  readonly log: Pick<EventLog, 'append' | 'existing' | 'rowKeyOf' | 'holdsAll'>;
  readonly marks: { add(marks: readonly NewDueMark[]): Promise<void> };
  readonly terminals: Pick<Terminals, 'putStatuses' | 'epochsOf' | 'forgetEpochs' | 'addUsage'>;
  readonly finality: Pick<Finality, 'putClearances'>;
}

export interface IngestOptions
  extends IngestStores,
    RefusalOptions,
    Pick<AckedCheckOptions, 'storeGen' | 'onStoreLacks'> {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** How long after its end an hour is first rolled up. */
  readonly graceMs: number;
  readonly groups: GroupLimits;
  readonly room: RoomLimits;
  readonly quotas: DailyQuotas;
  readonly metrics: IngestMetrics;
  /** Called for each failed group, with its number of batches. */
  readonly onFailure: (error: Error, batches: number) => void;
}

/** The end of a row's key (`shared/keys.ts`). */
const DIGEST_BYTES = 8;

const limit = (name: keyof typeof INGEST_LIMITS): number => INGEST_LIMITS[name].value;

export class Ingest {
  readonly #options: IngestOptions;
  readonly #markWriter: DueMarkWriter;
  readonly #groups: GroupCommit<Batch>;
  readonly #statuses: StatusIntake;
  readonly #room: Room;
  readonly #turns: DecodeTurns;
  readonly #stored = new StoredBatches(limit('rememberedBatches'));
  readonly #lookup: RowLookup;
  readonly #quotas: Quotas;
  readonly #refusals: Refusals;
  #failures = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#markWriter = new DueMarkWriter({ ...options, maxRemembered: limit('rememberedMarks') });
    this.#room = new Room(options.room);
    this.#turns = new DecodeTurns(limit('decodeTurn'), options.clock);
    this.#lookup = new RowLookup({
      existing: (rowKeys) => options.log.existing(rowKeys),
      maxRows: options.groups.maxRows,
      maxWaitMs: limit('lookupWait'),
      clock: options.clock,
    });
    this.#groups = new GroupCommit(
      (batches) => this.#commit(batches),
      options.groups,
      options.clock,
      () => this.#turns.waiting > 0,
    );
    this.#statuses = new StatusIntake({
      ...options,
      ...{ ...STATUS_LIMITS, skipMarginMs: SKIP_MARGIN_MS, limits: INGEST_LIMITS },
      ...{ turns: this.#turns, room: this.#room, forget: () => this.#forget() },
    });
    this.#refusals = new Refusals(options);
    this.#quotas = new Quotas({
      ...options.quotas,
      share: limit('quotaShare'),
      maxTracked: limit('quotaTerminals'),
      terminals: options.terminals,
      now: options.now,
    });
  }

  /** Resolves once the batch is durable, or refused; never rejects. */
  async onBatch(sender: Sender, bytes: Uint8Array): Promise<Ack> {
    const ack = await this.#take(sender, bytes);
    this.#options.metrics.acked(ack.result);
    return ack;
  }

  onStatus(sender: Sender, bytes: Uint8Array): Promise<Generation | null> {
    return this.#statuses.take(sender, owned(bytes));
  }

  credit(sender: Sender): number {
    const { held, max } = this.#room.ofMerchant(sender);
    return creditFor(held, max);
  }

  /**
   * Call it about once a second: expires batches that the store does not answer, and writes pending
   * statuses and what terminals have used.
   */
  async tick(): Promise<void> {
    this.#lookup.expire();
    this.#statuses.expire();
    this.#groups.expire();
    this.#options.metrics.heldBytes(this.#room.heldBytes);
    await Promise.all([this.#statuses.flush(), this.#quotas.report()]);
  }

  /** The store lacks what it took: what this process remembers of it may be wrong. */
  #forget(): void {
    this.#stored.forgetAll();
    this.#markWriter.forgetAll();
  }

  async #take(sender: Sender, received: Uint8Array): Promise<Ack> {
    const { name, header } = readName(sender, received);
    const receivedAt = this.#options.now();
    const { silentMs } = this.#groups;
    if (silentMs !== null) return this.#busy(name, `the store has not answered for ${Math.floor(silentMs / 1000)} s`);
    const claim = header === null ? '' : claimOf(sender, header);
    // A repeat is beyond no quota. The digest that tells is for its turn: nobody else pays for it.
    const over = this.#stored.mayHave(claim) ? null : this.#quotas.exceeded(sender);
    if (over !== null) return this.#refuse(sender, name, over.reason, over.message, over.retryAfterMs);
    const place = this.#room.take(sender, received.length);
    if (typeof place === 'string') return this.#refuse(sender, name, place, NO_ROOM[place]);
    try {
      const bytes = owned(received);
      if (header !== null) return await this.#store({ sender, bytes, name, header, claim, receivedAt, place });
      const read = await this.#turns.run(sender, () => readBatch(sender, bytes));
      return read.ok ? this.#busy(name, 'its header was not read') : read.ack;
    } finally {
      this.#room.release(place);
    }
  }

  /** Null while the store is not open. */
  #rowOf({ sender: { merchant, terminal }, header, bytes }: Arrived): RawRowName | null {
    try {
      const key = this.#options.log.rowKeyOf({ merchant, terminal, header, bytes });
      return { key, digest: key.toString('latin1', Math.max(0, key.length - DIGEST_BYTES)) };
    } catch {
      return null;
    }
  }

  async #store(arrived: Arrived): Promise<Ack> {
    const { sender, bytes, name, header, claim, receivedAt, place } = arrived;
    const { clock } = this.#options;
    const since = clock();
    // Of a terminal that waits for itself, a question to the store is cheaper than a decode.
    const isAsked = place.terminal.batches > limit('unaskedBatches');
    const asked = isAsked ? await this.#turns.run(sender, () => this.#rowOf(arrived)) : null;
    const isStored = asked !== null && !this.#stored.has(claim, asked.digest) && (await this.#lookup.has(asked.key));
    const decoded = isStored
      ? { row: asked, events: 0 }
      : await this.#turns.run(sender, () => this.#decode(arrived, asked, since));
    if ('result' in decoded) return decoded;
    const { merchant, terminal } = sender;
    const { row, events } = decoded;
    const known = { claim, receivedAt, events, precomputedRowKey: row.key, row, isStored };
    const batch = { merchant, terminal, header, bytes, ...known };
    const outcome = await this.#groups.offer(sender, batch, bytes.length, clock() - since);
    switch (outcome.kind) {
      case 'committed':
        return isStored ? this.#repeat(name) : { ...name, result: 'stored' };
      case 'failed':
        return this.#busy(name, 'the store did not take it');
      case 'late':
        return this.#busy(name, 'the store does not answer');
    }
  }

  /** Decodes a batch, unless it is a repeat, over its quota, or waited too long. */
  #decode(arrived: Arrived, asked: RawRowName | null, since: number): Ack | Decoded {
    const { sender, bytes, name, claim } = arrived;
    const { clock, groups } = this.#options;
    if (clock() - since >= groups.maxWaitMs) return this.#busy(name, 'too much to do at the moment');
    const row = asked ?? this.#rowOf(arrived);
    if (row !== null && this.#stored.has(claim, row.digest)) return this.#repeat(name);
    const over = this.#quotas.exceeded(sender);
    if (over !== null) return this.#refuse(sender, name, over.reason, over.message, over.retryAfterMs);
    const read = readBatch(sender, bytes);
    if (!read.ok) return read.ack;
    return row === null ? this.#busy(name, 'the store does not answer') : { row, events: read.events };
  }

  #repeat(name: BatchName): Ack {
    this.#options.metrics.repeated();
    return { ...name, result: 'stored' };
  }

  #refuse(sender: Sender, name: BatchName, reason: RefusalReason, message: string, waitMs?: number): Ack {
    this.#refusals.count(sender, reason);
    return this.#busy(name, message, waitMs);
  }

  #busy(name: BatchName, reason: string, waitMs?: number): Ack {
    const failures = Math.max(this.#failures, Math.floor((this.#groups.silentMs ?? 0) / 1000));
    const wait = waitMs ?? retryAfterMs(failures, this.#options.random());
    return { ...name, result: 'busy', reason, retryAfterMs: wait };
  }

  async #commit(batches: readonly Batch[]): Promise<void> {
    const { log, metrics, clock, onFailure } = this.#options;
    const start = clock();
    const fresh = batches.filter(({ isStored }) => !isStored);
    try {
      if (fresh.length > 0) this.#count(await log.append(fresh), fresh);
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
    for (const batch of batches) {
      this.#stored.add(batch.claim, batch.row.digest);
      this.#statuses.stored(batch, batch.header, batch.receivedAt);
    }
    if (fresh.length > 0) metrics.committed({ batches: fresh.length, seconds: (clock() - start) / 1000 });
  }

  /** Counts the rows that the store did not have. */
  #count(wasNew: readonly boolean[], batches: readonly Batch[]): void {
    let [bytes, events] = [0, 0];
    for (const batch of batches.filter((_, index) => wasNew[index])) {
      this.#quotas.stored(batch, batch.bytes.length + ROW_BYTES, batch.header.count);
      bytes += batch.bytes.length;
      events += batch.events;
    }
    this.#options.metrics.stored({ events, bytes });
  }
}
