/**
 * The path of a till's status into the store. Decoding it takes the terminal's turn
 * (`admission/decode-turns.ts`); of a terminal's statuses that wait only the last is decoded, and
 * one that finds no room is dropped, since the next one says the same.
 */
import type { Epoch, MerchantId, TerminalId } from '../../../shared/ids.ts';
import type { BatchHeader } from '../../../shared/wire/header.ts';
import { decodeStatus, type Status } from '../../../shared/wire/messages.ts';
import type { TerminalStatus } from '../../store/terminals.ts';
import type { DecodeTurns } from '../admission/decode-turns.ts';
import type { Place, Room } from '../admission/room.ts';
import { AckedCheck, type AckedCheckOptions, type Generation } from './acked-check.ts';
import { ClearanceWriter, type ClearanceWriterOptions } from './clearance-writer.ts';
import { type StatusMetrics, StatusWriter, type StatusWriterOptions } from './status-writer.ts';

export interface StatusIntakeOptions
  extends Omit<AckedCheckOptions, 'metrics'>,
    Omit<StatusWriterOptions, 'metrics' | 'onKept'>,
    Omit<ClearanceWriterOptions, 'now'> {
  readonly turns: DecodeTurns;
  readonly room: Room;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly metrics: StatusMetrics & AckedCheckOptions['metrics'];
}

interface Teller {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
}

interface Received {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly place: Place;
  /** Resolves all statuses that this one replaced, too. */
  readonly answer: PromiseWithResolvers<Generation | null>;
}

/** Otherwise its agent may have to send again what it believes stored: it is not clear of it. */
const isOf = ({ storeGen }: Status, generation: Generation): boolean =>
  generation.isSure && !generation.lacks && (storeGen === undefined || storeGen === generation.storeGen);

export class StatusIntake {
  readonly #options: StatusIntakeOptions;
  readonly #check: AckedCheck;
  readonly #writer: StatusWriter;
  readonly #clearances: ClearanceWriter;
  /** The last status of each terminal that waits for its turn. */
  readonly #waiting = new Map<string, Received>();

  constructor(options: StatusIntakeOptions) {
    this.#options = options;
    this.#check = new AckedCheck(options);
    this.#clearances = new ClearanceWriter(options);
    this.#writer = new StatusWriter({
      ...options,
      onKept: (status) => this.#clearances.status(status),
    });
  }

  /** Call it about once a second. */
  expire(): void {
    this.#check.expire();
  }

  /**
   * A till's batch is durable: its header says how far its events were complete.
   *
   * @param at when it arrived, milliseconds since 1970
   */
  stored({ merchant, terminal }: Teller, { epoch, clearThrough, firstSeq, count }: BatchHeader, at: number): void {
    const of = { merchant, terminal, epoch, clearThrough: Math.min(clearThrough, at) };
    this.#clearances.batch({ ...of, lastSeq: firstSeq + count - 1, at });
  }

  /** Writes what waits; never rejects. */
  async flush(): Promise<void> {
    await this.#writer.flush();
    // After the statuses that its due marks are for.
    await this.#clearances.flush();
  }

  /**
   * Resolves with the generation of the store that its sender is to be told; null when it was
   * dropped. Never rejects.
   *
   * @param bytes not changed later
   */
  async take({ merchant, terminal }: Teller, bytes: Uint8Array): Promise<Generation | null> {
    const { turns, room, now, metrics } = this.#options;
    const name = `${merchant}/${terminal}`;
    const place = room.take({ merchant, terminal }, bytes.length);
    if (typeof place === 'string') {
      metrics.statuses('dropped', 1);
      return null;
    }
    const before = this.#waiting.get(name);
    const answer = before?.answer ?? Promise.withResolvers<Generation | null>();
    this.#waiting.set(name, { bytes, at: now(), place, answer });
    if (before !== undefined) room.release(before.place);
    else void turns.run({ merchant, terminal }, () => this.#decode({ merchant, terminal }));
    return answer.promise;
  }

  async #decode({ merchant, terminal }: Teller): Promise<void> {
    const { room, metrics } = this.#options;
    const name = `${merchant}/${terminal}`;
    const received = this.#waiting.get(name);
    if (received === undefined) return;
    this.#waiting.delete(name);
    room.release(received.place);
    const status = decodeStatus(received.bytes);
    if (status === null) {
      metrics.statuses('unreadable', 1);
      received.answer.resolve(this.#check.generation({ merchant, terminal }, {}));
      return;
    }
    const generation = this.#check.generation({ merchant, terminal }, status);
    received.answer.resolve(generation);
    this.#enqueue({ merchant, terminal }, status, received.at, isOf(status, await generation));
  }

  /** @param isComplete whether the store has what the agent holds for stored */
  #enqueue({ merchant, terminal }: Teller, status: Status, lastSeen: number, isComplete: boolean): void {
    // Field by field: a status may contain keys that this version does not know.
    const { version, epochs, closed, clearThrough, losses, bufferBytes, clockOffsetMs } = status;
    const common = {
      ...{ merchant, terminal, lastSeen, version, losses, bufferBytes, clockOffsetMs },
      // Design, Clearance: capped at arrival.
      clearThrough: isComplete ? Math.min(clearThrough, lastSeen) : 0,
      ...(isComplete && closed !== undefined && { closed: closed as [Epoch, number][] }),
    };
    this.#writer.enqueue(
      merchant,
      terminal,
      epochs.map(({ epoch, lastSeq, pending }) => ({
        ...common,
        epoch: epoch as TerminalStatus['epoch'],
        lastSeq,
        pending,
      })),
    );
  }
}
