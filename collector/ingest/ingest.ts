/**
 * The path of a till's batch into the raw log, and of its ack back.
 *
 *     received ──▶ busy (no room, or over the day's quota)
 *        │   └───▶ stored (a repeat that this process has stored)
 *        ├──────▶ waiting for a commit (a repeat whose row is in the store)
 *        ▼
 *     waiting for its turn ──▶ damaged | unsupported | invalid (decoded, refused)
 *        ▼
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
 * - Counters move after the commit.
 */
import type { BatchHeader } from '../../shared/wire/header.ts';
import type { Ack } from '../../shared/wire/messages.ts';
import type { NewDueMark } from '../store/due-marks.ts';
import type { EventLog, ReceivedBatch } from '../store/event-log.ts';
import type { Finality } from '../store/finality.ts';
import type { DailyQuotas, Terminals } from '../store/terminals.ts';
import { DecodeTurns } from './admission/decode-turns.ts';
import { Quotas } from './admission/quotas.ts';
import { type Place, Room, type RoomLimits } from './admission/room.ts';
import { RowLookup, StoredBatches } from './admission/stored-batches.ts';
import { creditFor, retryAfterMs } from './backpressure.ts';
import { type BatchName, type ReadBatch, readBatch, readName, type Sender } from './decode-batch.ts';
import { SKIP_MARGIN_MS } from './due-mark-policy.ts';
import { DueMarkWriter } from './due-mark-writer.ts';
import { GroupCommit, type GroupLimits } from './group-commit.ts';
import { INGEST_LIMITS, ROW_BYTES } from './limits.ts';
import type { IngestMetrics, RefusalReason } from './metrics.ts';
import { type RefusalOptions, Refusals } from './refusals.ts';
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

interface RawRowName {
  readonly key: Buffer;
  /** The key as Latin-1. */
  readonly name: string;
}

/** Its arrival is when it is put: a batch that waited is not earlier than one stored meanwhile. */
interface Batch extends Omit<ReceivedBatch, 'arrival'> {
  readonly row: RawRowName;
  readonly events: number;
  /** Its row is in the store; its due mark may not be. */
  readonly isStored: boolean;
}

/** A batch that has room, and its header was read. */
interface Arrived {
  readonly sender: Sender;
  readonly bytes: Uint8Array;
  readonly name: BatchName;
  readonly header: BatchHeader;
  readonly row: RawRowName;
  readonly place: Place;
}

const limit = (name: keyof typeof INGEST_LIMITS): number => INGEST_LIMITS[name].value;

const NO_ROOM = {
  'terminal-room': 'this terminal has more batches waiting than an agent sends: no room for another',
  'merchant-room': 'no room at the moment',
} as const;

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
      ...{ turns: this.#turns, room: this.#room, limits: INGEST_LIMITS, forget: () => this.#forget() },
      skipMarginMs: SKIP_MARGIN_MS,
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
    const row = header === null ? null : this.#rowOf(sender, header, received);
    if (row !== null && this.#stored.has(row.name)) return this.#repeat(name);
    const over = this.#quotas.exceeded(sender);
    if (over !== null) return this.#refuse(sender, name, over.reason, over.message, over.retryAfterMs);
    const place = this.#room.take(sender, received.length);
    if (typeof place === 'string') return this.#refuse(sender, name, place, NO_ROOM[place]);
    try {
      const bytes = owned(received);
      if (header !== null && row !== null) return await this.#store({ sender, bytes, name, header, row, place });
      const read = await this.#turns.run(sender, () => readBatch(sender, bytes));
      return read.ok ? this.#busy(name, 'the store does not answer') : read.ack;
    } finally {
      this.#room.release(place);
    }
  }

  /** Null while the store is not open. */
  #rowOf({ merchant, terminal }: Sender, header: BatchHeader, bytes: Uint8Array): RawRowName | null {
    try {
      const key = this.#options.log.rowKeyOf({ merchant, terminal, header, bytes });
      return { key, name: key.toString('latin1') };
    } catch {
      return null;
    }
  }

  async #store({ sender, bytes, name, header, row, place }: Arrived): Promise<Ack> {
    const { clock } = this.#options;
    const since = clock();
    // Of a terminal that waits for itself, a question to the store is cheaper than a decode.
    const isStored = place.terminal.batches > limit('unaskedBatches') && (await this.#lookup.has(row.key));
    let events = 0;
    if (!isStored) {
      const read = await this.#turns.run(sender, () => this.#decode(sender, bytes, row, since));
      if (read === 'repeat') return this.#repeat(name);
      if (read === 'late') return this.#busy(name, 'too much to do at the moment');
      if (!read.ok) return read.ack;
      events = read.events;
    }
    const { merchant, terminal } = sender;
    const batch = { merchant, terminal, header, events, bytes, precomputedRowKey: row.key, row, isStored };
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

  /** Decodes a batch, unless the same one was stored while it waited, or it waited too long. */
  #decode(sender: Sender, bytes: Uint8Array, row: RawRowName, since: number): ReadBatch | 'repeat' | 'late' {
    if (this.#stored.has(row.name)) return 'repeat';
    const { clock, groups } = this.#options;
    return clock() - since >= groups.maxWaitMs ? 'late' : readBatch(sender, bytes);
  }

  #repeat(name: BatchName): Ack {
    this.#options.metrics.repeated();
    return { ...name, result: 'stored' };
  }

  #refuse(sender: Sender, name: BatchName, reason: RefusalReason, message: string, waitMs?: number): Ack {
    this.#refusals.count(sender, reason);
    return this.#busy(name, message, waitMs);
  }

  #busy(name: BatchName, reason: string, waitMs = retryAfterMs(this.#failures, this.#options.random())): Ack {
    return { ...name, result: 'busy', reason, retryAfterMs: waitMs };
  }

  async #commit(batches: readonly Batch[]): Promise<void> {
    const { log, metrics, now, clock, onFailure } = this.#options;
    const start = clock();
    const arrival = now();
    const fresh = batches.filter(({ isStored }) => !isStored);
    try {
      if (fresh.length > 0) await log.append(fresh.map((batch) => ({ ...batch, arrival })));
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
    for (const { row, merchant, terminal, header } of batches) {
      this.#stored.add(row.name);
      this.#statuses.stored({ merchant, terminal }, header, arrival);
    }
    if (fresh.length === 0) return;
    let [bytes, events] = [0, 0];
    for (const batch of fresh) {
      this.#quotas.stored(batch, batch.bytes.length + ROW_BYTES, batch.header.count);
      bytes += batch.bytes.length;
      events += batch.events;
    }
    metrics.committed({ batches: fresh.length, events, bytes, seconds: (clock() - start) / 1000 });
  }
}

/**
 * Copies a payload that is a small part of a socket read, because it would keep the whole read in
 * memory.
 */
const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
